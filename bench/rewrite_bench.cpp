#include "core/net/rewrite.h"

#include <array>
#include <benchmark/benchmark.h>
#include <vector>

#include "bench/frames.h"
#include "core/net/checksum.h"

namespace sluice {
namespace {

FiveTuple tuple_of(const char* source, const char* destination) {
  return {.source = *Address::parse(source),
          .destination = *Address::parse(destination),
          .source_port = Port(40'000),
          .destination_port = Port(80),
          .protocol = Protocol::tcp};
}

// Addresses, ports and three checksums; there and back again, so the frame needs no restoring.
void translate_tcp(benchmark::State& state, const char* source, const char* destination) {
  const FiveTuple tuple = tuple_of(source, destination);
  const bench::FrameTemplate frame(tuple.source.family());
  std::array<std::uint8_t, 128> bytes{};
  frame.write(bytes.data(), tuple);
  ParsedPacket parsed;
  if (parse({bytes.data(), frame.length_bytes()}, parsed) != Verdict::none) {
    state.SkipWithError("the frame does not parse");
    return;
  }
  Translation there{.source = tuple.destination,
                    .destination = tuple.source,
                    .source_port = Be16::from_host(31'000),
                    .destination_port = Be16::from_host(8'080)};
  for (auto _ : state) {
    translate(bytes.data(), parsed, there);
    benchmark::DoNotOptimize(bytes);
    std::swap(there.source, there.destination);
  }
}
BENCHMARK_CAPTURE(translate_tcp, v4, "192.0.2.1", "203.0.113.10");
BENCHMARK_CAPTURE(translate_tcp, v6, "2001:db8:f::1", "2001:db8::10");

void count_down_ttl(benchmark::State& state) {
  const FiveTuple tuple = tuple_of("192.0.2.1", "203.0.113.10");
  const bench::FrameTemplate frame(Family::ipv4);
  std::array<std::uint8_t, 128> bytes{};
  frame.write(bytes.data(), tuple);
  ParsedPacket parsed;
  if (parse({bytes.data(), frame.length_bytes()}, parsed) != Verdict::none) {
    state.SkipWithError("the frame does not parse");
    return;
  }
  for (auto _ : state) {
    decrement_ttl(bytes.data(), parsed);
    benchmark::DoNotOptimize(bytes);
  }
}
BENCHMARK(count_down_ttl);

}  // namespace
}  // namespace sluice
