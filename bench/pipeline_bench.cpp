// The whole packet path of one worker, from a received burst to frames ready to send: everything
// but the driver. Frames are written anew before each burst, outside the time that is taken.

#include "dataplane/l4/pipeline.h"

#include <algorithm>
#include <array>
#include <benchmark/benchmark.h>
#include <memory>
#include <string>
#include <vector>

#include "bench/scene.h"
#include "bench/stopwatch.h"

namespace sluice::bench {
namespace {

using dataplane::Packet;

struct Case {
  const char* name = "";
  SceneOptions options;
};

// The buffers of a burst, in no particular place.
class Burst {
 public:
  // Writes the next `count` frames of the scene.
  std::span<Packet> restore(Scene& scene, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      scene.write_frame(&buffers_[i][headroom_bytes]);
      Packet& packet = packets_[i];
      packet.data = &buffers_[i][headroom_bytes];
      packet.length_bytes = scene.frame_bytes();
      packet.headroom_bytes = headroom_bytes;
      packet.in_port = 0;
    }
    return {packets_.data(), count};
  }

 private:
  std::array<std::array<std::uint8_t, 256>, burst_max> buffers_{};
  std::array<Packet, burst_max> packets_{};
};

// Building a scene takes seconds, and the library asks for the same one several times in a row.
class Stage {
 public:
  Scene& scene(const SceneOptions& options) {
    if (scene_ == nullptr || scene_->options() != options) {
      scene_.reset();  // two would not fit in memory
      scene_ = std::make_unique<Scene>(options);
    }
    return *scene_;
  }

 private:
  std::unique_ptr<Scene> scene_;
};

// The figure is the median burst's: on a machine with other work, the mean is that work's.
void forward(benchmark::State& state, Stage& stage, const Case& what, std::size_t burst_size) {
  Scene& scene = stage.scene(what.options);
  Burst burst;
  Stopwatch watch;
  std::vector<double> seconds;
  for (auto _ : state) {
    const std::span<Packet> packets = burst.restore(scene, burst_size);
    watch.start();
    scene.process(packets);
    seconds.push_back(watch.stop());
    state.SetIterationTime(seconds.back());
  }
  // A flow for which the tables have no place is picked anew for each packet or, with NAT, dropped.
  const double sent = scene.sent_share();
  if (sent < 0.999 || scene.remembered_share() < 0.999) {
    state.SkipWithError("not every packet was of a known flow and sent");
    return;
  }
  const auto median = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::ranges::nth_element(seconds, median);
  state.counters["ns_per_packet"] = *median * 1e9 / static_cast<double>(burst_size);
  state.counters["Mpps"] = static_cast<double>(burst_size) / *median / 1e6;
}

void add(Stage& stage, const Case& what) {
  for (const std::size_t burst_size : {std::size_t{32}, std::size_t{64}}) {
    const std::string name =
        std::string(what.name) + (what.options.family == Family::ipv4 ? "/v4" : "/v6") +
        "/flows:" + std::to_string(what.options.flows) + "/burst:" + std::to_string(burst_size);
    benchmark::RegisterBenchmark(name.c_str(), [&stage, what, burst_size](benchmark::State& state) {
      forward(state, stage, what, burst_size);
    })->UseManualTime();
  }
}

void add_all(Stage& stage) {
  const std::array modes = {
      Case{.name = "ipip", .options = {.mode = Forward::ipip}},
      Case{.name = "ipip_deny_10k", .options = {.denied_prefixes = 10'000}},
      Case{.name = "ipip_limits", .options = {.has_limits = true}},
      Case{.name = "l2dsr", .options = {.mode = Forward::l2dsr}},
      Case{.name = "gre", .options = {.mode = Forward::gre}},
      Case{.name = "gue", .options = {.mode = Forward::gue}},
      Case{.name = "nat", .options = {.mode = Forward::nat}},
      Case{.name = "nat_return", .options = {.mode = Forward::nat, .direction = Direction::back}}};
  for (Case what : modes)
    for (const Family family : {Family::ipv4, Family::ipv6})
      for (const std::size_t flows :
           {std::size_t{1'000}, std::size_t{1'000'000}, std::size_t{10'000'000}}) {
        // Ten million NAT sessions would need more source addresses than a service has.
        if (flows > 1'000'000 && what.options.mode == Forward::nat) continue;
        what.options.family = family;
        what.options.flows = flows;
        add(stage, what);
      }
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  sluice::bench::Stage stage;
  sluice::bench::add_all(stage);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
