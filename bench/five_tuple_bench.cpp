#include "core/flow/five_tuple.h"

#include <benchmark/benchmark.h>

namespace sluice {
namespace {

void hash(benchmark::State& state, const char* source, const char* destination) {
  FiveTuple tuple{.source = *Address::parse(source),
                  .destination = *Address::parse(destination),
                  .source_port = Port(40'000),
                  .destination_port = Port(80),
                  .protocol = Protocol::tcp};
  std::uint16_t port = 0;
  for (auto _ : state) {
    tuple.source_port = Port(++port);
    benchmark::DoNotOptimize(hash_flow(tuple, 42));
  }
}
BENCHMARK_CAPTURE(hash, v4, "192.0.2.1", "203.0.113.10");
BENCHMARK_CAPTURE(hash, v6, "2001:db8:f::1", "2001:db8::10");

}  // namespace
}  // namespace sluice
