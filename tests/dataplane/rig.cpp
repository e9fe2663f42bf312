#include "tests/dataplane/rig.h"

#include <stdexcept>

namespace sluice::dataplane {
namespace {

constexpr std::size_t buffer_bytes = 16'384;
constexpr double ns_per_second = 1e9;

BurstTime time_of(double seconds) { return {static_cast<std::uint64_t>(seconds * ns_per_second)}; }

}  // namespace

test::FrameSpec answer_to(const Outcome& out, test::Payload payload) {
  ParsedPacket packet;
  if (parse(out.frame, packet) != Verdict::none) throw std::invalid_argument("no packet was sent");
  test::FrameSpec spec;
  spec.source = packet.destination;
  spec.destination = packet.source;
  spec.source_port = packet.destination_port.host();
  spec.destination_port = packet.source_port.host();
  spec.payload = payload;
  spec.link_source = test::backend_mac(out.backend());
  return spec;
}

Rig::Rig() : Rig(Options{}) {}

Rig::Rig(Options options)
    : options_(std::move(options)),
      memory_((FlowMemory::size_bytes(options_.flows_max) + 63) / 64),
      flows_(memory_.front().bytes.data(), memory_.size() * 64),
      own_counters_(std::make_unique<WorkerCounters>()),
      counters_(options_.all_counters.empty() ? *own_counters_
                                              : options_.all_counters[options_.worker]),
      steering_(ReturnSteering::even(options_.workers)),
      layout_(FlowMemory::lay_out(flows_, options_.flows_max, options_.worker, 0x5eed, 1)),
      pipeline_(layout_, steering_, counters_,
                {.worker = options_.worker,
                 .workers = options_.workers,
                 .port_macs = options_.port_macs,
                 .port_mtus_bytes = options_.port_mtus_bytes,
                 .all_counters = options_.all_counters}),
      buffer_(buffer_bytes) {}

Outcome Rig::send(const Snapshot& snapshot, const test::Bytes& frame, double now_seconds) {
  return process(snapshot, frame, false, now_seconds);
}

std::vector<Outcome> Rig::send_ripe(const Snapshot& snapshot, double now_seconds) {
  std::vector<Outcome> out;
  for (const std::uint16_t slot : pipeline_.ripe_fragments(time_of(now_seconds)))
    out.push_back(process(snapshot, held_[slot], true, now_seconds));
  return out;
}

Outcome Rig::process(const Snapshot& snapshot, const test::Bytes& frame, bool has_waited,
                     double now_seconds) {
  Packet packet;
  packet.data = buffer_.place(frame).data();
  packet.length_bytes = static_cast<std::uint16_t>(frame.size());
  packet.headroom_bytes = options_.headroom_bytes;
  packet.in_port = 0;
  packet.has_waited = has_waited;
  const BurstTime time = time_of(now_seconds);
  if (tap_ != nullptr) tap_->came({&packet, 1}, time.now_ns);
  pipeline_.process(snapshot, {&packet, 1}, time);
  if (tap_ != nullptr) {
    tap_->leave({&packet, 1});
    tap_->decided({&packet, 1});
  }
  pipeline_.count_verdicts({&packet, 1});
  if (exit_of(packet.verdict) == Exit::hold) held_[packet.hold_slot] = frame;
  return {packet.verdict, packet.out_port, packet.to_worker,
          test::Bytes(packet.data, packet.data + packet.length_bytes)};
}

void Rig::age(const Snapshot& snapshot, double now_seconds) {
  // One step does a whole round over a table as small as this when half a minute is due.
  pipeline_.age(snapshot, time_of(now_seconds - 31));
  pipeline_.age(snapshot, time_of(now_seconds));
}

std::optional<FlowRecord> Rig::flow(const Snapshot& snapshot, const FiveTuple& tuple) const {
  const auto id = snapshot.listener_of(tuple.destination, tuple.destination_port, tuple.protocol);
  const auto view = FlowsView::open(flows_);
  if (!id || !view) return std::nullopt;
  return view->find(tuple, snapshot.listener(*id), static_cast<std::uint16_t>(*id));
}

std::map<std::uint32_t, std::uint64_t> Rig::count_active() const {
  std::map<std::uint32_t, std::uint64_t> out;
  const auto count = [&](const auto& buckets) {
    for (const auto& bucket : buckets)
      for (const auto& entry : bucket.entries) {
        if (entry.is_empty()) continue;
        const bool is_nat = entry.flow.is_nat != 0;
        const FlowState state =
            is_nat ? layout_.sessions[entry.flow.value].state : entry.flow.state;
        const Target target{is_nat ? layout_.sessions[entry.flow.value].target : entry.flow.value};
        if (state != FlowState::closing) ++out[static_cast<std::uint32_t>(target.backend())];
      }
  };
  count(layout_.flows4);
  count(layout_.flows6);
  return out;
}

}  // namespace sluice::dataplane
