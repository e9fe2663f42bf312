#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bench/frames.h"
#include "bench/huge_memory.h"
#include "bench/scene_config.h"
#include "bench/traffic.h"
#include "dataplane/l4/pipeline.h"

namespace sluice::bench {

/// The most packets of one burst.
inline constexpr std::size_t burst_max = 64;
/// The writable bytes before each frame, as DPDK's buffers have them.
inline constexpr std::uint16_t headroom_bytes = 128;

/// A worker that knows its flows, and packets of these in random order. Where the packets are is
/// the caller's business.
class Scene {
 public:
  /// `now_ns`: the worker's time at which it learns its flows; short of ten minutes later none of
  /// them has timed out.
  explicit Scene(const SceneOptions& options, std::uint64_t now_ns = 1'000'000'000);

  [[nodiscard]] const SceneOptions& options() const { return options_; }
  [[nodiscard]] const Snapshot& snapshot() const { return snapshots_[in_force_]; }
  [[nodiscard]] dataplane::Pipeline& pipeline() { return pipeline_; }
  [[nodiscard]] WorkerCounters& counters() { return *counters_; }
  [[nodiscard]] std::uint16_t frame_bytes() const { return known_frame_.length_bytes(); }

  /// Writes the next frame of the traffic, `frame_bytes` long.
  void write_frame(std::uint8_t* to);
  /// Forwards a burst and counts its verdicts.
  void process(std::span<dataplane::Packet> burst) {
    pipeline_.process(snapshots_[in_force_], burst, {now_ns_});
    pipeline_.count_verdicts(burst);
  }
  /// Another snapshot comes into force, in which every service has a backend of another weight.
  void reload();

  /// The part of all packets so far that was sent on.
  [[nodiscard]] double sent_share() const;
  /// The part of all flows so far, those that a SYN flood begins left out, that it remembers, by
  /// a look at some thousands of them.
  [[nodiscard]] double remembered_share();
  /// Whether the tables have no room for many more flows that are to be remembered.
  [[nodiscard]] bool is_used_up() const;

 private:
  void learn();
  void learn_back(std::uint64_t number);
  void fill_table();
  // A packet by itself, of a buffer of the scene's own.
  dataplane::Packet process_alone(const FrameTemplate& frame, const FiveTuple& tuple);

  SceneOptions options_;
  std::uint64_t now_ns_;
  Traffic traffic_;
  std::array<Snapshot, 2> snapshots_;
  std::size_t in_force_ = 0;
  HugeMemory table_memory_;
  std::unique_ptr<WorkerCounters> counters_;
  dataplane::ReturnSteering steering_;
  dataplane::Pipeline pipeline_;
  FrameTemplate known_frame_;
  FrameTemplate fresh_frame_;
  std::vector<FiveTuple> answers_;  // with Direction::back: the servers' packets, by flow
  Numbers numbers_{1};
  std::uint64_t fresh_ = 0;  // flows begun since those that it knew
  unsigned fresh_due_ = 0;   // in hundredths of a packet
  std::array<std::uint8_t, 512> own_buffer_{};
};

}  // namespace sluice::bench
