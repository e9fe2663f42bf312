#include "dataplane/l4/pipeline.h"

#include <algorithm>
#include <cstring>

#include "dataplane/l4/classify.h"
#include "dataplane/l4/transmit.h"

namespace sluice::dataplane {
namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;
constexpr std::uint64_t age_round_ns = 30 * ns_per_second;  // a full round over the flow tables
constexpr std::uint64_t age_step_ns = 1'000'000;
constexpr std::size_t age_buckets_max = 4'096;  // in one step: under a tenth of a millisecond

FlowTick tick_of(std::uint64_t now_ns) { return static_cast<FlowTick>(now_ns / ns_per_second); }

}  // namespace

Pipeline::Pipeline(const FlowMemory& memory, const ReturnSteering& steering,
                   WorkerCounters& counters, Options options)
    : options_(std::move(options)),
      tracker_(memory, steering, options_.worker, counters),
      counters_(counters),
      icmp_errors_(icmp_errors_per_second, icmp_errors_per_second / 10) {}

void Pipeline::process(const Snapshot& snapshot, std::span<Packet> burst, BurstTime time) {
  tracker_.set_now(tick_of(time.now_ns));
  for (Packet& packet : burst) look(snapshot, packet);
  for (Packet& packet : burst) send(snapshot, packet, time.now_ns);
  ++counters_.bursts;
}

bool Pipeline::is_for_us(const Packet& packet) const {
  if (packet.in_port >= options_.port_macs.size()) return true;
  const MacAddress& own = options_.port_macs[packet.in_port];
  return own == MacAddress{} || packet.length_bytes < own.bytes.size() ||
         std::memcmp(packet.data, own.bytes.data(), own.bytes.size()) == 0;
}

void Pipeline::look(const Snapshot& snapshot, Packet& packet) {
  packet.out_port = no_port;
  if (!is_for_us(packet)) {
    packet.role = Role::none;
    packet.verdict = Verdict::passed_to_kernel;
    return;
  }
  classify(snapshot, packet);
  if (packet.role == Role::flow || packet.role == Role::nat_return) tracker_.prefetch(packet);
}

void Pipeline::send(const Snapshot& snapshot, Packet& packet, std::uint64_t now_ns) {
  switch (packet.role) {
    case Role::none:
      break;
    case Role::flow:
      send_flow(snapshot, packet, now_ns);
      break;
    case Role::nat_return:
      send_return(snapshot, packet);
      break;
    case Role::echo:
      reply_echo(packet);
      break;
  }
}

void Pipeline::send_flow(const Snapshot& snapshot, Packet& packet, std::uint64_t now_ns) {
  const std::uint16_t length_bytes = packet.parsed.ip_length_bytes;
  TrafficCounter& traffic = counters_.listeners[packet.listener];
  ++traffic.packets;
  traffic.bytes += length_bytes;

  const Choice choice = tracker_.choose(snapshot, packet);
  if (choice.backend == nullptr) {
    packet.verdict = choice.verdict;
    return;
  }
  const Backend& backend = *choice.backend;
  BackendCounter& counter = counters_.backends[static_cast<std::size_t>(backend.target.backend())];
  ++counter.packets;
  counter.bytes += length_bytes;
  if (!backend.path) {
    packet.verdict = Verdict::drop_no_path;
  } else if (length_bytes > backend.inner_mtu_bytes) {
    reply_too_big(packet, backend.inner_mtu_bytes, icmp_errors_, now_ns);
  } else {
    switch (snapshot.services[backend.service].sending) {
      case Sending::plain_ipip:
        send_plain_ipip(packet, backend);
        break;
      case Sending::l2dsr:
        send_l2dsr(packet, backend);
        break;
      case Sending::nat:
        send_nat(packet, backend, snapshot, *choice.session);
        break;
      case Sending::tunnel:
        send_tunnel(packet, backend,
                    backend.outer.needs_flow_hash() ? hash_of_flow(snapshot, packet) : 0);
        break;
    }
  }
}

void Pipeline::send_return(const Snapshot& snapshot, Packet& packet) {
  if (const NatSession* session = tracker_.session_of_return(packet)) {
    const bool served = session->listener < snapshot.listeners.size() &&
                        snapshot.listeners[session->listener].in_use;
    if (served)
      send_nat_return(packet, snapshot, *session);
    else
      packet.verdict = Verdict::drop_nat_unknown_flow;
    return;
  }
  packet.verdict = Verdict::drop_nat_unknown_flow;
  if (options_.workers == 1) return;
  packet.to_worker = tracker_.owner_of_return(packet);
  if (packet.to_worker != options_.worker) packet.verdict = Verdict::handed_over;
}

void Pipeline::count_verdicts(std::span<const Packet> burst) {
  for (const Packet& packet : burst) ++counters_.verdicts[static_cast<std::size_t>(packet.verdict)];
}

void Pipeline::age(const Snapshot& snapshot, BurstTime time) {
  if (age_ns_ == 0) age_ns_ = time.now_ns;
  if (time.now_ns < age_ns_ + age_step_ns) return;
  tracker_.set_now(tick_of(time.now_ns));
  const std::uint64_t elapsed_ns = std::min(time.now_ns - age_ns_, age_round_ns);
  age_ns_ = time.now_ns;
  const std::size_t due = tracker_.bucket_count() * elapsed_ns / age_round_ns + 1;
  tracker_.age(snapshot, std::min(due, age_buckets_max));
}

}  // namespace sluice::dataplane
