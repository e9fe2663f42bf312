#include "dataplane/l4/pipeline.h"

#include <algorithm>
#include <utility>

#include "core/net/mss.h"
#include "core/net/reset.h"
#include "core/net/wire.h"
#include "dataplane/l4/access.h"
#include "dataplane/l4/classify.h"
#include "dataplane/l4/nat64.h"
#include "dataplane/l4/reply_reset.h"
#include "dataplane/l4/slots.h"
#include "dataplane/l4/transmit.h"
#include "dataplane/l4/wide.h"

namespace sluice::dataplane {
namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;
constexpr std::uint64_t age_round_ns = 30 * ns_per_second;  // a full round over the flow tables
constexpr std::uint64_t age_step_ns = 1'000'000;
constexpr std::size_t age_buckets_max = 4'096;  // in one step: under a tenth of a millisecond

// Ethernet's, for links of which we are told nothing.
constexpr std::uint16_t link_mtu_bytes_default = 1'500;

FlowTick tick_of(std::uint64_t now_ns) { return static_cast<FlowTick>(now_ns / ns_per_second); }

// An Ethernet address at the start of eight readable bytes, as one number.
std::uint64_t mac_bits(const std::uint8_t* at) {
  return load_unaligned<std::uint64_t>(at) & 0xffff'ffff'ffff;
}
std::vector<std::uint64_t> bits_of(const std::vector<MacAddress>& macs) {
  std::vector<std::uint64_t> out;
  for (const MacAddress& mac : macs) {
    std::array<std::uint8_t, 8> bytes{};
    std::ranges::copy(mac.bytes, bytes.begin());
    out.push_back(mac_bits(bytes.data()));
  }
  return out;
}

bool is_served(const Snapshot& snapshot, const NatSession& session) {
  return session.listener < snapshot.listeners.size() &&
         snapshot.listeners[session.listener].in_use;
}

// Whose packet it is that goes back to a client: for captures.
void note_session(Packet& packet, const NatSession& session) {
  packet.listener = session.listener;
  packet.target = {session.target};
  packet.lookup = FlowLookup::hit;
}

// The packet that an ICMP error is about. False, and the verdict says why, when there is none or
// when it is not the error's receiver who sent it.
bool read_quoted(Packet& packet, ParsedPacket& quoted) {
  packet.verdict = Verdict::drop_icmp_bad_quote;
  if (!parse_quoted({packet.data, packet.length_bytes}, packet.parsed, quoted)) return false;
  packet.verdict = Verdict::drop_icmp_unknown_flow;
  return quoted.source == packet.parsed.destination;
}

// A packet of the same flow in the other direction: the one that comes to us, for the tables.
Packet sent_back(const ParsedPacket& quoted) {
  Packet out;
  out.parsed = quoted;
  std::swap(out.parsed.source, out.parsed.destination);
  std::swap(out.parsed.source_port, out.parsed.destination_port);
  return out;
}

// A SYN's segment size, there or back, as the service of this backend wants it.
inline void limit_mss(const Packet& packet, const Backend& backend) {
  if ((packet.parsed.tcp_flags & wire::TcpHeader::syn) == 0) return;
  const std::uint16_t mss_bytes_max = packet.parsed.family == Family::ipv4
                                          ? backend.mss_ipv4_bytes_max
                                          : backend.mss_ipv6_bytes_max;
  if (mss_bytes_max != 0) clamp_mss(packet.data, packet.parsed, mss_bytes_max);
}

// Sends the packet to the backend in the way of its service. `flow`: a packet of the flow that it
// belongs to, by whose hash tunnels are spread. Inlined, for nearly every packet comes here.
[[gnu::always_inline]] inline void forward(const Snapshot& snapshot, Packet& packet,
                                           const Backend& backend, NatSession* session,
                                           const Packet& flow, Adjustments& adjustments,
                                           std::uint16_t& next_identification) {
  switch (backend.sending) {
    case Sending::plain_ipip:
      send_plain_ipip(packet, backend);
      break;
    case Sending::l2dsr:
      send_l2dsr(packet, backend);
      break;
    case Sending::nat:
      if (session->is_adjusted != 0) [[unlikely]]
        adjustments.send_to_server(packet, backend, snapshot, *session);
      else
        send_nat(packet, backend, snapshot, *session);
      break;
    case Sending::l3dsr:
      send_l3dsr(packet, backend);
      break;
    case Sending::proxied_nat:
      adjustments.send_to_server(packet, backend, snapshot, *session);
      break;
    case Sending::nat64:
      send_nat64(packet, backend, snapshot, *session, next_identification++);
      break;
    case Sending::tunnel:
      send_tunnel(packet, backend,
                  backend.outer.needs_flow_hash() ? hash_of_flow(snapshot, flow) : 0);
      break;
  }
}

}  // namespace

Pipeline::Pipeline(const FlowMemory& memory, const ReturnSteering& steering,
                   WorkerCounters& counters, Options options)
    : options_(std::move(options)),
      own_macs_(bits_of(options_.port_macs)),
      syn_gate_(options_.cookie_key),
      sources_(memory, counters),
      tracker_(memory, steering, syn_gate_, sources_, options_.worker, counters,
               options_.all_counters.empty() ? std::span(&counters, 1) : options_.all_counters),
      fragments_(memory.header->seed, counters),
      adjustments_(memory),
      counters_(counters),
      icmp_errors_(icmp_errors_per_second, icmp_errors_per_second / 10),
      resets_(resets_per_second, resets_per_second / 10),
      // Apart from other workers', for they share the source-pool addresses.
      next_identification_(static_cast<std::uint16_t>(options_.worker << 10)) {}

void Pipeline::process(const Snapshot& snapshot, std::span<Packet> burst, BurstTime time) {
  tracker_.set_now(tick_of(time.now_ns), time.now_ns);
  fragments_.set_now(time.now_ns);
  syn_gate_.set_now(time.now_ns);
  sources_.begin(snapshot, time.now_ns);
  for (Packet& packet : burst) look(snapshot, packet);
  for (Packet& packet : burst)
    if (packet.role == Role::flow || packet.role == Role::nat_return)
      tracker_.recall(snapshot, packet);
  for (Packet& packet : burst) send(snapshot, packet, time.now_ns);
  ++counters_.bursts;
}

bool Pipeline::is_for_us(const Packet& packet) const {
  if (packet.in_port >= own_macs_.size()) return true;
  const std::uint64_t own = own_macs_[packet.in_port];
  return own == 0 || packet.length_bytes < sizeof(wire::EthernetHeader) ||
         mac_bits(packet.data) == own;
}

std::uint16_t Pipeline::link_mtu_bytes(PortIndex port) const {
  return port < options_.port_mtus_bytes.size() ? options_.port_mtus_bytes[port]
                                                : link_mtu_bytes_default;
}

void Pipeline::look(const Snapshot& snapshot, Packet& packet) {
  packet.out_port = no_port;
  if (!is_for_us(packet)) {
    packet.role = Role::none;
    packet.verdict = Verdict::passed_to_kernel;
    return;
  }
  classify(snapshot, packet);
  if (packet.role == Role::flow || packet.role == Role::nat_return)
    tracker_.prefetch(packet);
  else if (packet.role == Role::fragment) [[unlikely]]
    look_at_fragment(snapshot, packet);
  if (packet.role == Role::flow && packet.guards.any()) look_at_guarded(snapshot, packet);
}

// After the prefetch for the flow, which goes on meanwhile.
void Pipeline::look_at_guarded(const Snapshot& snapshot, Packet& packet) {
  if (packet.guards.access && !may_enter(snapshot, packet))
    refuse(packet, Verdict::drop_denied);
  else if (packet.guards.sources)
    sources_.prefetch(packet);
}

void Pipeline::refuse(Packet& packet, Verdict verdict) {
  TrafficCounter& traffic = counters_.listeners[packet.listener];
  ++traffic.packets;
  traffic.bytes += packet.parsed.ip_length_bytes;
  ++traffic.refused;
  packet.role = Role::none;
  packet.verdict = verdict;
}

void Pipeline::look_at_fragment(const Snapshot& snapshot, Packet& packet) {
  fragments_.classify(snapshot, packet);
  if (packet.role != Role::none) tracker_.prefetch(packet);
}

// Two tests for the two roles that nearly all packets have: a switch over all of them would become
// an indirect jump.
void Pipeline::send(const Snapshot& snapshot, Packet& packet, std::uint64_t now_ns) {
  if (packet.role == Role::flow)
    send_flow(snapshot, packet, now_ns);
  else if (packet.role == Role::nat_return)
    send_return(snapshot, packet, now_ns);
  else if (packet.role == Role::local)
    send_local(packet);
  else if (packet.role != Role::none)
    send_icmp(snapshot, packet);
}

void Pipeline::send_icmp(const Snapshot& snapshot, Packet& packet) {
  const bool is_to_vip = packet.role == Role::echo || packet.role == Role::vip_error;
  if (is_to_vip && snapshot.access != nullptr && !snapshot.access->find(packet.parsed.source)) {
    packet.verdict = Verdict::drop_denied;
    return;
  }
  switch (packet.role) {
    case Role::echo:
      reply_echo(packet);
      break;
    case Role::vip_error:
      send_vip_error(snapshot, packet);
      break;
    case Role::pool_error:
      send_pool_error(snapshot, packet);
      break;
    case Role::none:
    case Role::flow:
    case Role::local:
    case Role::nat_return:
    case Role::fragment:
      break;
  }
}

void Pipeline::send_flow(const Snapshot& snapshot, Packet& packet, std::uint64_t now_ns) {
  if (packet.guards.sources && !sources_.admit(packet))
    return refuse(packet, Verdict::drop_source_packets);
  TrafficCounter& traffic = counters_.listeners[packet.listener];
  ++traffic.packets;
  traffic.bytes += packet.parsed.ip_length_bytes;
  if (const Known known = tracker_.find_established(snapshot, packet); known.backend != nullptr)
      [[likely]] {
    packet.lookup = FlowLookup::hit;
    send_to_backend(snapshot, packet, *known.backend, known.session, now_ns);
  } else {
    send_chosen(snapshot, packet, now_ns);
  }
}

void Pipeline::send_chosen(const Snapshot& snapshot, Packet& packet, std::uint64_t now_ns) {
  const Choice choice = tracker_.choose(snapshot, packet);
  packet.lookup = choice.lookup;
  if (choice.verdict != Verdict::none) {
    packet.verdict = choice.verdict;
    if (choice.verdict == Verdict::replied_reset) [[unlikely]]
      reset_client(packet, now_ns);
    if (choice.verdict == Verdict::replied_syn_cookie) syn_gate_.reply(packet, *choice.backend);
    if (choice.verdict == Verdict::drop_source_connections)
      ++counters_.listeners[packet.listener].refused;
    return;
  }
  if (choice.is_by_cookie) [[unlikely]]
    adjustments_.splice(packet, snapshot, *choice.session, syn_gate_.read(packet).value());
  send_to_backend(snapshot, packet, *choice.backend, choice.session, now_ns);
}

[[gnu::always_inline]] inline void Pipeline::send_to_backend(const Snapshot& snapshot,
                                                             Packet& packet, const Backend& backend,
                                                             NatSession* session,
                                                             std::uint64_t now_ns) {
  const std::uint16_t length_bytes = packet.parsed.ip_length_bytes;
  packet.target = backend.target;
  BackendCounter& counter = counters_.backends[static_cast<std::size_t>(backend.target.backend())];
  ++counter.packets;
  counter.bytes += length_bytes;
  if (!backend.has_path) [[unlikely]] {
    packet.verdict = Verdict::drop_no_path;
  } else if (length_bytes > backend.inner_mtu_bytes) [[unlikely]] {
    reply_too_big(packet, backend.inner_mtu_bytes, icmp_errors_, now_ns);
  } else {
    limit_mss(packet, backend);
    forward(snapshot, packet, backend, session, packet, adjustments_, next_identification_);
  }
}

// The flow is over when its client has heard of it, or says itself that it has given up. Until then
// its entry stays, or its next packet would be taken for the first of a new flow.
void Pipeline::reset_client(Packet& packet, std::uint64_t now_ns) {
  packet.verdict = Verdict::drop_backend_gone;
  if (may_cause_reset(packet.parsed)) {
    packet.verdict = Verdict::drop_reset_rate_limited;
    if (!resets_.take(now_ns)) return;
    reply_reset(packet);
  } else if (!packet.parsed.has_ports) {
    return;  // a later fragment: it does not say what its segment was
  }
  tracker_.forget(packet);
}

// Known to no table: the kernel keeps the state.
void Pipeline::send_local(Packet& packet) {
  TrafficCounter& traffic = counters_.listeners[packet.listener];
  ++traffic.packets;
  traffic.bytes += packet.parsed.ip_length_bytes;
  packet.verdict = Verdict::sent_local;
}

void Pipeline::send_return(const Snapshot& snapshot, Packet& packet, std::uint64_t now_ns) {
  packet.verdict = Verdict::drop_nat_unknown_flow;
  const NatSession* session = tracker_.session_of_return(packet);
  if (session == nullptr) {
    hand_over(packet, tracker_.rss_worker(packet));
    return;
  }
  if (!is_served(snapshot, *session)) return;
  note_session(packet, *session);
  if ((packet.parsed.tcp_flags & wire::TcpHeader::syn) != 0) [[unlikely]]
    if (const Backend* backend = snapshot.owner(Target{session->target}))
      limit_mss(packet, *backend);
  if (session->is_adjusted != 0) [[unlikely]] {
    adjustments_.send_to_client(packet, snapshot, *session);
    return;
  }
  if (!is_nat64_return(packet, *session)) {
    send_nat_return(packet, snapshot, *session);
    return;
  }
  const std::uint16_t mtu_bytes = answer_mtu_bytes(packet, link_mtu_bytes(session->in_port));
  if (packet.parsed.ip_length_bytes > mtu_bytes)
    reply_too_big(packet, mtu_bytes, icmp_errors_, now_ns);
  else
    send_nat64_return(packet, snapshot, *session);
}

// From a router on the way to a client, about what a server sent under the VIP's address. Another
// worker may have the flow: ipip and l2dsr fall back to the slots, which name the flow's backend
// unless they have changed since; NAT needs the session.
void Pipeline::send_vip_error(const Snapshot& snapshot, Packet& packet) {
  ParsedPacket quoted;
  if (!read_quoted(packet, quoted)) return;
  Packet flow = sent_back(quoted);
  if (!claim_flow(snapshot, flow, flow.parsed.has_ports)) {
    if (!quoted.has_ports) packet.verdict = Verdict::drop_icmp_bad_quote;
    return;
  }
  packet.listener = flow.listener;
  tracker_.prefetch(flow);
  const Choice choice = tracker_.look_up(snapshot, flow);
  packet.lookup = choice.lookup;
  if (choice.backend == nullptr) {
    packet.verdict = choice.verdict;
    if (choice.verdict == Verdict::drop_icmp_unknown_flow)
      hand_over(packet, tracker_.rss_worker(flow));
    return;
  }
  const Backend& backend = *choice.backend;
  packet.target = backend.target;
  if (!backend.path) {
    packet.verdict = Verdict::drop_no_path;
  } else if (packet.parsed.ip_length_bytes > backend.inner_mtu_bytes) {
    packet.verdict = Verdict::drop_too_big;  // no error is sent about an error
  } else if (choice.session != nullptr && backend.sending == Sending::nat64) {
    send_nat64_error_to_server(packet, quoted, backend, snapshot,
                               {.session = *choice.session,
                                .link_mtu_bytes = link_mtu_bytes(choice.session->in_port),
                                .identification = next_identification_++});
  } else if (choice.session != nullptr) {
    adjustments_.restore_quoted_server(packet, quoted, *choice.session);
    send_error_to_server(packet, quoted, backend, snapshot, *choice.session);
  } else {
    forward(snapshot, packet, backend, nullptr, flow, adjustments_, next_identification_);
    if (exit_of(packet.verdict) == Exit::transmit) packet.verdict = Verdict::sent_icmp_error;
  }
}

// From a server or a router on the way to it, about what we sent there under a source-pool address.
void Pipeline::send_pool_error(const Snapshot& snapshot, Packet& packet) {
  ParsedPacket quoted;
  if (!read_quoted(packet, quoted)) return;
  if (!quoted.has_ports) {
    packet.verdict = Verdict::drop_icmp_bad_quote;
    return;
  }
  Packet answer = sent_back(quoted);
  answer.role = Role::nat_return;
  answer.source_index = packet.source_index;
  tracker_.prefetch(answer);
  const NatSession* session = tracker_.look_up_return(answer);
  if (session == nullptr) {
    hand_over(packet, tracker_.rss_worker(answer));
    return;
  }
  if (!is_served(snapshot, *session)) return;
  note_session(packet, *session);
  if (is_nat64_return(packet, *session)) {
    send_nat64_error_to_client(
        packet, quoted, snapshot,
        {.session = *session, .link_mtu_bytes = link_mtu_bytes(session->in_port)});
  } else {
    adjustments_.restore_quoted_client(packet, quoted, *session);
    send_error_to_client(packet, quoted, snapshot, *session);
  }
}

// Once at most: the owner has nobody to give it to.
void Pipeline::hand_over(Packet& packet, std::uint16_t owner) const {
  if (options_.workers == 1 || owner == options_.worker) return;
  packet.to_worker = owner;
  packet.verdict = Verdict::handed_over;
}

void Pipeline::count_verdicts(std::span<const Packet> burst) {
  for (const Packet& packet : burst) ++counters_.verdicts[static_cast<std::size_t>(packet.verdict)];
}

void Pipeline::age(const Snapshot& snapshot, BurstTime time) {
  if (age_ns_ == 0) age_ns_ = time.now_ns;
  if (time.now_ns < age_ns_ + age_step_ns) return;
  tracker_.set_now(tick_of(time.now_ns), time.now_ns);
  const std::uint64_t elapsed_ns = std::min(time.now_ns - age_ns_, age_round_ns);
  age_ns_ = time.now_ns;
  const std::size_t due = tracker_.bucket_count() * elapsed_ns / age_round_ns + 1;
  sources_.begin(snapshot, time.now_ns);
  tracker_.age(snapshot, std::min(due, age_buckets_max));
  fragments_.set_now(time.now_ns);
  fragments_.age();
  sources_.age();
}

}  // namespace sluice::dataplane
