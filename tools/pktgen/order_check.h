#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tools/pktgen/flow_mix.h"

namespace sluice::pktgen {

/// What a packet's sequence number says.
enum class Arrival : std::uint8_t {
  in_order,      // higher than all before it
  out_of_order,  // late, and the first of its number (RFC 4737 section 3.3)
  duplicate,
  stale,  // from before the beginning, or so late that the window has forgotten it
};

/// Follows the numbers of one sender in a window of fixed size: a bit for each packet.
class SequenceWindow {
 public:
  /// `packets`: a power of two, 64 or more. So many numbers are remembered.
  explicit SequenceWindow(std::size_t packets);

  /// Forgets everything; lower numbers are stale from now on.
  void begin(std::uint64_t sequence);
  /// `sequence`: the lower half. Without a beginning the first one is it.
  [[nodiscard]] Arrival take(std::uint32_t sequence);
  /// The whole of a number whose lower half arrived last.
  [[nodiscard]] std::uint64_t last() const { return last_; }
  /// How many numbers there were from the beginning to the highest seen.
  [[nodiscard]] std::uint64_t span() const { return next_ - first_; }

 private:
  [[nodiscard]] bool test_and_set(std::uint64_t sequence);
  void forget(std::uint64_t from, std::uint64_t count);

  std::vector<std::uint64_t> bits_;
  std::uint64_t mask_;
  bool has_begun_ = false;
  std::uint64_t first_ = 0;
  std::uint64_t next_ = 0;  // after the highest seen
  std::uint64_t last_ = 0;
};

/// Whether the packets of each flow of the standing set arrive in the order in which they were
/// sent: devices with several cores keep only that. Four bytes a flow.
class FlowOrder {
 public:
  static constexpr std::uint64_t flows_max = std::uint64_t{1} << 22;

  FlowOrder(std::uint64_t flows, std::uint32_t new_flows_ppm)
      : mix_(new_flows_ppm), flows_(flows), last_round_(flows) {}

  /// False when a later packet of the same flow has been here.
  [[nodiscard]] bool is_in_order(std::uint64_t sequence) {
    const FlowMix::Position position = mix_.at(sequence);
    if (position.is_new) return true;  // the only one of its flow
    // The sender goes round its flows: the place in the round is the flow.
    const auto round = static_cast<std::uint32_t>(position.number / flows_ + 1);
    std::uint32_t& last = last_round_[position.number % flows_];
    if (static_cast<std::int32_t>(round - last) < 0) return false;
    last = round;
    return true;
  }

 private:
  FlowMix mix_;
  std::uint64_t flows_;
  std::vector<std::uint32_t> last_round_;  // 0: none yet
};

}  // namespace sluice::pktgen
