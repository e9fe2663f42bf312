#pragma once

#include <cstdint>
#include <cstdlib>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/snapshot.h"
#include "core/contract/shared_view.h"
#include "core/flow/lookup.h"
#include "core/result.h"
#include "dataplane/l4/pipeline.h"

namespace sluice::replay {

/// What became of one frame. The views are good until the next one is sent.
struct Fate {
  Verdict verdict = Verdict::none;
  FlowLookup lookup = FlowLookup::none;
  std::string_view service;  // empty: of none
  std::string_view backend;  // empty: no backend had to do with it
  std::vector<std::string> steps;
  std::span<const std::uint8_t> sent;  // what goes on the wire; empty: nothing does
};

/// A frame and its place in the capture, from 1.
struct NumberedFrame {
  std::uint64_t number = 0;
  std::vector<std::uint8_t> bytes;
};

/// One worker's pipeline over memory of its own: the packet path of the data plane, without its
/// ports. Frames go through one at a time, each at the time of its capture.
class Replay {
 public:
  /// Longer frames cannot be sent: with a tunnel header in front, a length has to fit 16 bits.
  static constexpr std::size_t frame_bytes_max = 65'471;

  struct Options {
    std::size_t flows_max = 0;
    PortIndex in_port = 0;
  };
  /// Fails when there is no memory for so many flows.
  [[nodiscard]] static std::expected<std::unique_ptr<Replay>, Error> make(Snapshot snapshot,
                                                                          Options options);

  /// What `send` goes by from now on; compiled with the present one as its previous.
  void apply(Snapshot snapshot, PortIndex in_port);

  /// Fragments that were held back and are due now: to be sent again at once, by `send_held`.
  [[nodiscard]] std::vector<NumberedFrame> take_ripe();
  [[nodiscard]] Fate send_held(const NumberedFrame& frame) {
    return process(frame.bytes, frame.number, true);
  }

  /// `frame`: at most `frame_bytes_max`. `number`: by which it is known again when it is held.
  /// `time_ns`: of any clock; one that goes back stands still.
  [[nodiscard]] Fate send(std::span<const std::uint8_t> frame, std::uint64_t number,
                          std::uint64_t time_ns);

  [[nodiscard]] const Snapshot& snapshot() const { return snapshot_; }
  [[nodiscard]] const WorkerCounters& counters() const { return *counters_; }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  using Memory = std::unique_ptr<void, Free>;
  struct Flow {
    FiveTuple tuple;
    std::uint16_t listener = 0;
    // Before the packet came.
    std::optional<FlowRecord> known;
    std::optional<QuicHeader> quic;  // of the frame, which outlives this
    std::uint64_t misses = 0;
    std::uint64_t moves = 0;
  };
  Replay(Snapshot snapshot, Options options, Memory memory, std::span<std::uint8_t> flows);

  void advance(std::uint64_t time_ns);
  [[nodiscard]] Fate process(std::span<const std::uint8_t> frame, std::uint64_t number,
                             bool has_waited);
  [[nodiscard]] std::optional<Flow> flow_of(std::span<const std::uint8_t> frame) const;
  [[nodiscard]] std::optional<FlowRecord> entry_of(const Flow& flow) const;
  [[nodiscard]] FlowLookup lookup_of(const Flow& flow) const;
  void describe_flow(const Flow& flow, Fate& fate) const;
  void describe_return(const dataplane::Packet& packet, Fate& fate) const;
  [[nodiscard]] std::uint64_t misses() const {
    return counters_->flows_inserted + counters_->flow_table_full;
  }
  [[nodiscard]] std::uint64_t moves() const {
    return counters_->flows_repicked + counters_->quic_flows_moved;
  }

  Snapshot snapshot_;
  Options options_;
  Memory memory_;
  std::span<std::uint8_t> flows_;
  std::unique_ptr<WorkerCounters> counters_;
  dataplane::ReturnSteering steering_;
  dataplane::FlowMemory layout_;
  dataplane::Pipeline pipeline_;
  FlowsView view_;
  std::vector<std::uint8_t> buffer_;
  std::map<std::uint16_t, NumberedFrame> held_;  // by slot
  std::uint64_t clock_ns_;
  std::optional<std::uint64_t> last_time_ns_;  // of the capture
  std::uint64_t age_step_ns_;                  // of simulated time, for one step of ageing
  std::uint64_t all_aged_ns_;                  // without a packet for so long, no flow is left
};

}  // namespace sluice::replay
