#include "core/net/parse.h"

#include <array>
#include <benchmark/benchmark.h>
#include <vector>

#include "bench/frames.h"

namespace sluice {
namespace {

// A burst of frames in cache; one iteration parses them all.
void parse_tcp(benchmark::State& state, const char* source, const char* destination) {
  constexpr std::size_t burst = 64;
  const FiveTuple tuple{.source = *Address::parse(source),
                        .destination = *Address::parse(destination),
                        .source_port = Port(40'000),
                        .destination_port = Port(80),
                        .protocol = Protocol::tcp};
  const bench::FrameTemplate frame(tuple.source.family());
  std::vector<std::array<std::uint8_t, 128>> frames(burst);
  for (auto& each : frames) frame.write(each.data(), tuple);
  ParsedPacket parsed;
  for (auto _ : state)
    for (const auto& each : frames)
      benchmark::DoNotOptimize(parse({each.data(), frame.length_bytes()}, parsed));
  state.counters["time_per_packet"] =
      benchmark::Counter(static_cast<double>(burst), benchmark::Counter::kIsIterationInvariantRate |
                                                         benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(parse_tcp, v4, "192.0.2.1", "203.0.113.10");
BENCHMARK_CAPTURE(parse_tcp, v6, "2001:db8:f::1", "2001:db8::10");

}  // namespace
}  // namespace sluice
