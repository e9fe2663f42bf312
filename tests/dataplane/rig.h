#pragma once

#include <map>
#include <memory>
#include <optional>

#include "core/contract/shared_view.h"
#include "dataplane/capture/tap.h"
#include "dataplane/l4/pipeline.h"
#include "tests/core/guarded_bytes.h"
#include "tests/core/sample_config.h"

namespace sluice::dataplane {

/// What became of one frame.
struct Outcome {
  Verdict verdict = Verdict::none;
  PortIndex out_port = no_port;
  std::uint16_t to_worker = 0;
  test::Bytes frame;  // as it leaves, or as it was

  [[nodiscard]] std::string name() const { return std::string(to_string(verdict)); }
  /// The N of the sample backend that the frame's link address means.
  [[nodiscard]] unsigned backend() const { return frame.at(5); }
};

/// What the server that was sent this packet answers: both ends turned round.
[[nodiscard]] test::FrameSpec answer_to(const Outcome& out,
                                        test::Payload payload = test::Payload::tcp);

/// A worker's pipeline over memory of its own, with frames from memory: the data plane without
/// ports.
class Rig {
 public:
  struct Options {
    std::size_t flows_max = 1'024;
    std::uint16_t worker = 0;
    std::uint16_t workers = 1;
    std::uint16_t headroom_bytes = 128;
    std::vector<MacAddress> port_macs{};
    std::vector<std::uint16_t> port_mtus_bytes{};
    // Every worker's, to share between rigs; empty: each has its own.
    std::span<WorkerCounters> all_counters{};
  };
  Rig();
  explicit Rig(Options options);

  /// One frame as a burst of its own, at a time in seconds; it ends at a guard page.
  Outcome send(const Snapshot& snapshot, const test::Bytes& frame, double now_seconds = 1'000);
  Outcome send(const Snapshot& snapshot, const test::FrameSpec& spec, double now_seconds = 1'000) {
    return send(snapshot, test::build(spec), now_seconds);
  }
  /// What becomes of the fragments that were held and are due now, in the order they came in.
  std::vector<Outcome> send_ripe(const Snapshot& snapshot, double now_seconds = 1'000);
  /// A full round of ageing that ends at this time, half a minute or more after the last one.
  void age(const Snapshot& snapshot, double now_seconds);

  /// Copies of packets go there; null: nowhere.
  void set_tap(CaptureTap* tap) { tap_ = tap; }
  [[nodiscard]] Pipeline& pipeline() { return pipeline_; }
  [[nodiscard]] const WorkerCounters& counters() const { return counters_; }
  [[nodiscard]] std::uint64_t count(Verdict verdict) const {
    return counters_.verdicts[static_cast<std::size_t>(verdict)];
  }
  /// What the flow table holds for this flow, read as another process would.
  [[nodiscard]] std::optional<FlowRecord> flow(const Snapshot& snapshot,
                                               const FiveTuple& tuple) const;

  /// What the gauges of active flows have to be, by backend number: counted in the tables.
  [[nodiscard]] std::map<std::uint32_t, std::uint64_t> count_active() const;

 private:
  Outcome process(const Snapshot& snapshot, const test::Bytes& frame, bool has_waited,
                  double now_seconds);
  struct alignas(64) Line {
    std::array<std::uint8_t, 64> bytes{};
  };
  Options options_;
  std::vector<Line> memory_;
  std::span<std::uint8_t> flows_;
  std::unique_ptr<WorkerCounters> own_counters_;
  WorkerCounters& counters_;
  ReturnSteering steering_;
  FlowMemory layout_;
  Pipeline pipeline_;
  test::GuardedBytes buffer_;
  std::array<test::Bytes, HeldFragments::slots> held_;
  CaptureTap* tap_ = nullptr;
};

}  // namespace sluice::dataplane
