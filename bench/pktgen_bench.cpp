#include <array>
#include <benchmark/benchmark.h>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tools/pktgen/generator.h"
#include "tools/pktgen/sink.h"

// What sluice-pktgen costs without ports: making bursts of frames, and looking at them again.

namespace sluice::pktgen {
namespace {

constexpr std::size_t burst = 32;

Traffic sample(Protocol protocol, const char* target, const char* sources, std::int64_t flows) {
  Traffic out;
  out.protocol = protocol;
  out.targets = *parse_targets(target);
  out.sources = *Prefix::parse(sources);
  out.sizes = {{frame_bytes_min(out), 1}};
  out.flows = static_cast<std::uint64_t>(flows);
  return out;
}

// Buffers of a burst that are used again and again, as those of a null port are.
struct Buffers {
  std::vector<std::array<std::uint8_t, 2'048>> bytes{burst};
  std::array<std::uint8_t*, burst> frames{};
  std::array<std::uint16_t, burst> lengths{};

  Buffers() {
    for (std::size_t i = 0; i < burst; ++i) frames[i] = bytes[i].data();
  }
};

void tell_time_per_packet(benchmark::State& state) {
  state.counters["time_per_packet"] =
      benchmark::Counter(static_cast<double>(burst), benchmark::Counter::kIsIterationInvariantRate |
                                                         benchmark::Counter::kInvert);
}

void generate(benchmark::State& state, Protocol protocol, const char* target, const char* sources) {
  Generator generator(sample(protocol, target, sources, state.range(0)));
  Buffers buffers;
  for (auto _ : state) {
    generator.build(buffers.frames, buffers.lengths, 1);
    benchmark::ClobberMemory();
  }
  tell_time_per_packet(state);
}
BENCHMARK_CAPTURE(generate, tcp4, Protocol::tcp, "203.0.113.10:80", "198.18.0.0/16")
    ->ArgName("flows")
    ->Arg(1)
    ->Arg(1'000'000)
    ->Arg(10'000'000);
BENCHMARK_CAPTURE(generate, udp4, Protocol::udp, "203.0.113.10:80", "198.18.0.0/16")
    ->ArgName("flows")
    ->Arg(1'000'000);
BENCHMARK_CAPTURE(generate, tcp6, Protocol::tcp, "[2001:db8:f::10]:80", "2001:db8:c::/64")
    ->ArgName("flows")
    ->Arg(1'000'000);
BENCHMARK_CAPTURE(generate, thousand_targets, Protocol::tcp, "203.0.113.0/30:1000-1249",
                  "198.18.0.0/16")
    ->ArgName("flows")
    ->Arg(1'000'000);

// Each frame is new to the sink, as all are that arrive.
void generate_and_take(benchmark::State& state) {
  const Traffic traffic = sample(Protocol::tcp, "203.0.113.10:80", "198.18.0.0/16", state.range(0));
  Generator generator(traffic);
  const auto sink = std::make_unique<Sink>(traffic, true);
  sink->begin(0, 0);
  Buffers buffers;
  for (auto _ : state) {
    generator.build(buffers.frames, buffers.lengths, 1);
    for (std::size_t i = 0; i < burst; ++i)
      sink->take(std::span(buffers.frames[i], buffers.lengths[i]), 1'000);
  }
  if (sink->counts().packets != generator.sequence()) state.SkipWithError("packets were missed");
  tell_time_per_packet(state);
}
BENCHMARK(generate_and_take)->ArgName("flows")->Arg(1)->Arg(1'000'000);

}  // namespace
}  // namespace sluice::pktgen
