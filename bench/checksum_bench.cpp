#include "core/net/checksum.h"

#include <benchmark/benchmark.h>
#include <vector>

namespace sluice {
namespace {

// A header, the quoted part of an ICMP error, a full frame.
void whole(benchmark::State& state) {
  const std::vector<std::uint8_t> bytes(static_cast<std::size_t>(state.range(0)), 0xa5);
  for (auto _ : state) benchmark::DoNotOptimize(checksum_of(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(whole)->Arg(20)->Arg(576)->Arg(1'500)->ArgName("bytes");

void change_of_addresses(benchmark::State& state, const char* from, const char* to) {
  const Address before = *Address::parse(from);
  const Address after = *Address::parse(to);
  Be16 checksum;
  for (auto _ : state) {
    ChecksumChange change;
    change.replace(before, after);
    checksum = change.apply(checksum);
    benchmark::DoNotOptimize(checksum);
  }
}
BENCHMARK_CAPTURE(change_of_addresses, v4, "203.0.113.10", "10.0.1.11");
BENCHMARK_CAPTURE(change_of_addresses, v6, "2001:db8::10", "2001:db8:1::11");

}  // namespace
}  // namespace sluice
