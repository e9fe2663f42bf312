#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "tools/pktgen/histogram.h"
#include "tools/pktgen/order_check.h"
#include "tools/pktgen/signature.h"
#include "tools/pktgen/traffic.h"

namespace sluice::pktgen {

struct SinkCounts {
  std::uint64_t packets = 0;  // ours, each once
  std::uint64_t bytes = 0;    // of these, as they arrived, without check sequence
  std::uint64_t duplicates = 0;
  std::uint64_t out_of_order = 0;          // among all packets of the sender
  std::uint64_t out_of_order_in_flow = 0;  // among those of one flow
  std::uint64_t stale = 0;                 // ours, but sent before the trial began
  std::uint64_t foreign = 0;
  std::array<std::uint64_t, wrapping_count> wrapped{};  // how the packets arrived
};

/// Looks at what arrives: whose it is, what is missing, in which order and how late it came.
/// Memory is bounded and allocated at once.
class Sink {
 public:
  /// So many packets after it, a packet is too late to be told from a duplicate.
  static constexpr std::size_t window_packets = std::size_t{1} << 20;

  /// `follows_flows`: the sender is here, and its whole sequence numbers are known.
  Sink(const Traffic& traffic, bool follows_flows);

  /// A trial begins: counts are zero, and packets sent before it are stale. `sequence`: the first,
  /// of a sender that is here.
  void begin(std::optional<std::uint64_t> sequence, std::uint64_t now_ns);

  /// A frame without check sequence, and the time of the sender's clock.
  void take(std::span<const std::uint8_t> frame, std::uint64_t now_ns);

  [[nodiscard]] const SinkCounts& counts() const { return counts_; }
  [[nodiscard]] const Histogram& latency() const { return latency_; }
  /// How many packets were sent from the first to the last that arrived: for who knows only what
  /// arrives.
  [[nodiscard]] std::uint64_t span() const { return window_.span(); }
  /// False when there are too many flows to follow.
  [[nodiscard]] bool follows_flows() const { return flow_order_.has_value(); }

 private:
  std::uint8_t stream_;
  SequenceWindow window_;
  std::optional<FlowOrder> flow_order_;
  bool knows_beginning_ = false;
  std::uint64_t began_ns_ = 0;
  SinkCounts counts_;
  Histogram latency_;
};

}  // namespace sluice::pktgen
