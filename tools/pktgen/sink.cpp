#include "tools/pktgen/sink.h"

namespace sluice::pktgen {
namespace {

// From an earlier time to a later one of 48 bits each; negative when they are the other way round.
std::int64_t nanoseconds_between(std::uint64_t earlier_ns, std::uint64_t later_ns) {
  return static_cast<std::int64_t>((later_ns - earlier_ns) << 16) >> 16;
}

}  // namespace

Sink::Sink(const Traffic& traffic, bool follows_flows)
    : stream_(traffic.stream), window_(window_packets) {
  if (follows_flows && traffic.flows <= FlowOrder::flows_max)
    flow_order_.emplace(traffic.flows, traffic.new_flows_ppm);
}

void Sink::begin(std::optional<std::uint64_t> sequence, std::uint64_t now_ns) {
  knows_beginning_ = sequence.has_value();
  began_ns_ = now_ns;
  if (sequence) window_.begin(*sequence);
  counts_ = {};
  latency_ = {};
}

void Sink::take(std::span<const std::uint8_t> frame, std::uint64_t now_ns) {
  const auto found = recognise(frame);
  if (!found || found->signature.stream != stream_) {
    ++counts_.foreign;
    return;
  }
  const std::uint64_t sent_ns = found->signature.sent_ns;
  if (knows_beginning_ && nanoseconds_between(began_ns_, sent_ns) < 0) {
    ++counts_.stale;
    return;
  }
  const Arrival arrival = window_.take(found->signature.sequence);
  if (arrival == Arrival::stale || arrival == Arrival::duplicate) {
    ++(arrival == Arrival::stale ? counts_.stale : counts_.duplicates);
    return;
  }
  if (arrival == Arrival::out_of_order) ++counts_.out_of_order;
  if (flow_order_ && !flow_order_->is_in_order(window_.last())) ++counts_.out_of_order_in_flow;
  ++counts_.packets;
  counts_.bytes += frame.size();
  ++counts_.wrapped[static_cast<std::size_t>(found->wrapping)];
  // Clocks of two machines may disagree by more than the way takes.
  const std::int64_t latency_ns = nanoseconds_between(sent_ns, now_ns);
  latency_.record(latency_ns < 0 ? 0 : static_cast<std::uint64_t>(latency_ns));
}

}  // namespace sluice::pktgen
