#include "dataplane/l4/track.h"

#include "core/flow/idle.h"
#include "core/net/wire.h"

namespace sluice::dataplane {
namespace {

FlowKey key_of(const Packet& packet) {
  return {packet.parsed.source, packet.parsed.source_port, packet.listener};
}

bool has_flag(const Packet& packet, std::uint8_t flag) {
  return (packet.parsed.tcp_flags & flag) != 0;
}

// We may see one direction only, so this is coarser than TCP's own states (RFC 9293 section 3.3.2).
FlowState next_state(FlowState state, const Packet& packet) {
  if (packet.parsed.layer4 != Layer4::tcp) return FlowState::established;
  if (has_flag(packet, wire::TcpHeader::fin | wire::TcpHeader::rst)) return FlowState::closing;
  if (state == FlowState::closing) return FlowState::closing;
  if (has_flag(packet, wire::TcpHeader::syn))
    return state == FlowState::empty ? FlowState::opening : state;
  return FlowState::established;
}

// A client that uses the port of a closed connection again begins a new flow.
bool begins_anew(FlowState state, const Packet& packet) {
  return state == FlowState::closing && has_flag(packet, wire::TcpHeader::syn) &&
         !has_flag(packet, wire::TcpHeader::ack);
}

// The backend that keeps a flow which was begun on it; null when it is gone or gives up its flows.
// Inlined by force: it has two callers, and as a call it costs each packet three per cent.
[[gnu::always_inline]] inline const Backend* keeper_of(const Snapshot& snapshot,
                                                       std::uint16_t listener, Target target,
                                                       bool has_session) {
  const std::uint32_t service = snapshot.listeners[listener].service;
  const Backend* backend = snapshot.owner(target);
  const bool nat_wanted = snapshot.services[service].forward == Forward::nat;
  if (backend == nullptr || backend->service != service || !backend->keeps_flows ||
      nat_wanted != has_session)
    return nullptr;
  return backend;
}

// The backend that the service's slots name for this flow, on every balancer alike; null when there
// is none to choose.
const Backend* slot_backend(const Snapshot& snapshot, const Packet& packet) {
  const Listener& listener = snapshot.listeners[packet.listener];
  const SlotTable& slots = *snapshot.services[listener.service].slots;
  if (slots.empty()) return nullptr;
  return &snapshot.backend(BackendId{slots.owner(slots.slot_of(hash_of_flow(snapshot, packet)))});
}

}  // namespace

std::uint64_t hash_of_flow(const Snapshot& snapshot, const Packet& packet) {
  const ParsedPacket& parsed = packet.parsed;
  const std::uint32_t ports = static_cast<std::uint32_t>(parsed.source_port.raw()) |
                              static_cast<std::uint32_t>(parsed.destination_port.raw()) << 16;
  return hash_flow(parsed.source, parsed.destination, ports,
                   snapshot.listeners[packet.listener].protocol, snapshot.hash_seed);
}

Tracker::Tracker(const FlowMemory& memory, const ReturnSteering& steering, std::uint16_t worker,
                 WorkerCounters& counters)
    : flows4_(memory.flows4, memory.header->seed),
      flows6_(memory.flows6, memory.header->seed),
      nat_(memory, steering, worker),
      counters_(counters),
      header_(*memory.header) {}

void Tracker::set_now(FlowTick now) {
  now_ = now;
  header_.now = now;
}

void Tracker::prefetch(Packet& packet) const {
  if (packet.role == Role::nat_return) {
    packet.table_hash = nat_.prefetch_return(packet);
  } else if (packet.parsed.family == Family::ipv4) {
    packet.table_hash = flows4_.hash(FlowEntry4::key_of(key_of(packet)));
    flows4_.prefetch(packet.table_hash);
  } else {
    packet.table_hash = flows6_.hash(FlowEntry6::key_of(key_of(packet)));
    flows6_.prefetch(packet.table_hash);
  }
}

Choice Tracker::choose(const Snapshot& snapshot, const Packet& packet) {
  return packet.parsed.family == Family::ipv4 ? choose_in(flows4_, snapshot, packet)
                                              : choose_in(flows6_, snapshot, packet);
}

template <typename Entry>
Choice Tracker::choose_in(ConnectionTable<Entry>& table, const Snapshot& snapshot,
                          const Packet& packet) {
  const auto key = Entry::key_of(key_of(packet));
  Entry* entry = table.find(key, packet.table_hash);
  FlowLookup lookup = FlowLookup::miss;
  if (entry != nullptr) {
    const Choice choice = known(snapshot, packet, entry->flow);
    if (choice.backend != nullptr) return choice;
    lookup = choice.lookup;
    release(
        entry->flow);  // closed, too old, or its backend is gone: the entry's place is used again
  }
  Choice choice = pick(snapshot, packet);
  choice.lookup = lookup;
  if (choice.backend == nullptr) {
    if (entry != nullptr) table.clear(*entry);
    return choice;
  }
  remember(table, key, entry, packet, choice);
  return choice;
}

template <typename Entry>
Choice Tracker::look_up_in(const ConnectionTable<Entry>& table, const Snapshot& snapshot,
                           const Packet& packet) const {
  const Entry* entry = table.find(Entry::key_of(key_of(packet)), packet.table_hash);
  if (entry != nullptr && !is_expired(snapshot, packet.listener, entry->flow)) {
    const FlowValue& flow = entry->flow;
    NatSession* session = flow.is_nat != 0 ? &nat_.at(flow.value) : nullptr;
    const Target target{session != nullptr ? session->target : flow.value};
    const Backend* backend = keeper_of(snapshot, packet.listener, target, session != nullptr);
    if (backend != nullptr) return {backend, session, Verdict::none, FlowLookup::hit};
  }
  const std::uint32_t service = snapshot.listeners[packet.listener].service;
  if (snapshot.services[service].forward == Forward::nat)
    return {.verdict = Verdict::drop_icmp_unknown_flow};
  const Backend* backend = slot_backend(snapshot, packet);
  if (backend == nullptr) return {.verdict = Verdict::drop_no_backend};
  return {.backend = backend};
}

Choice Tracker::look_up(const Snapshot& snapshot, const Packet& packet) const {
  return packet.parsed.family == Family::ipv4 ? look_up_in(flows4_, snapshot, packet)
                                              : look_up_in(flows6_, snapshot, packet);
}

// The backend that this entry keeps the flow on; none when the flow is to be picked anew.
Choice Tracker::known(const Snapshot& snapshot, const Packet& packet, FlowValue& flow) {
  if (is_expired(snapshot, packet.listener, flow)) return {};
  NatSession* session = flow.is_nat != 0 ? &nat_.at(flow.value) : nullptr;
  if (begins_anew(session != nullptr ? session->state : flow.state, packet)) return {};
  const Target target{session != nullptr ? session->target : flow.value};
  const Backend* backend = keeper_of(snapshot, packet.listener, target, session != nullptr);
  if (backend == nullptr) {
    ++counters_.flows_repicked;
    return {.lookup = FlowLookup::moved};
  }
  flow.last_seen = now_;
  flow.state = next_state(flow.state, packet);
  if (session != nullptr) {
    session->last_seen = now_;
    session->state = next_state(session->state, packet);
  }
  return {backend, session, Verdict::none, FlowLookup::hit};
}

Choice Tracker::pick(const Snapshot& snapshot, const Packet& packet) {
  const Backend* backend = slot_backend(snapshot, packet);
  if (backend == nullptr) return {.verdict = Verdict::drop_no_backend};
  if (snapshot.services[backend->service].forward != Forward::nat) return {.backend = backend};
  // A packet without a session that does not open a connection would be answered by RST through a
  // session that nobody needs; after a restart the client must learn all the same, so it is
  // translated like any other.
  Verdict why = Verdict::none;
  NatSession* session = nat_.open(snapshot, packet, *backend, why);
  if (why == Verdict::drop_nat_table_full && make_room_for_session())
    session = nat_.open(snapshot, packet, *backend, why);
  if (session == nullptr) return {.verdict = why};
  session->last_seen = now_;
  session->state = next_state(FlowState::empty, packet);
  return {backend, session, Verdict::none};
}

// All sessions are taken: a half-open one gives way, so that a flood of SYNs, which never become
// more than that, does not shut out clients until it times out.
bool Tracker::make_room_for_session() {
  NatSession* session = nat_.find_half_open();
  if (session == nullptr) return false;
  ++counters_.flows_evicted;
  if (session->client.is_ipv4())
    forget_flow(flows4_, *session);
  else
    forget_flow(flows6_, *session);
  nat_.close(*session);
  return true;
}

// The client's entry goes with its session: the number will soon be another session's.
template <typename Entry>
void Tracker::forget_flow(ConnectionTable<Entry>& table, const NatSession& session) {
  const auto key = Entry::key_of({session.client, session.client_port, session.listener});
  Entry* entry = table.find(key, table.hash(key));
  if (entry != nullptr && entry->flow.is_nat != 0 && entry->flow.value == nat_.number_of(session))
    table.clear(*entry);
}

template <typename Entry>
void Tracker::remember(ConnectionTable<Entry>& table, const typename Entry::Key& key, Entry* reuse,
                       const Packet& packet, Choice& choice) {
  // A reset ends a flow; there is nothing to remember, except for a session that has to be given
  // back some day.
  if (choice.session == nullptr && has_flag(packet, wire::TcpHeader::rst) &&
      packet.parsed.layer4 == Layer4::tcp) {
    if (reuse != nullptr) table.clear(*reuse);
    return;
  }
  Entry* entry = reuse;
  if (entry == nullptr) {
    const auto half_open = [this](const Entry& other) {
      return (other.flow.is_nat != 0 ? nat_.at(other.flow.value).state : other.flow.state) ==
             FlowState::opening;
    };
    const auto evict = [this](Entry& other) {
      ++counters_.flows_evicted;
      release(other.flow);
    };
    entry = table.insert(packet.table_hash, half_open, evict);
  }
  if (entry == nullptr) {
    ++counters_.flow_table_full;
    if (choice.session == nullptr) return;  // stateless: the slot names the same backend next time
    nat_.close(*choice.session);
    choice = {.verdict = Verdict::drop_nat_table_full, .lookup = choice.lookup};
    return;
  }
  entry->set_key(key);
  entry->flow.value =
      choice.session != nullptr ? nat_.number_of(*choice.session) : choice.backend->target.bits;
  entry->flow.is_nat = choice.session != nullptr ? 1 : 0;
  entry->flow.last_seen = now_;
  entry->flow.state = next_state(FlowState::empty, packet);
  ++counters_.flows_inserted;
  ++counters_.backends[static_cast<std::size_t>(choice.backend->target.backend())].flows;
}

NatSession* Tracker::session_of_return(const Packet& packet) {
  NatSession* session = nat_.find_return(packet);
  if (session == nullptr) return nullptr;
  session->last_seen = now_;
  session->state = next_state(session->state, packet);
  return session;
}

bool Tracker::is_expired(const Snapshot& snapshot, std::uint16_t listener,
                         const FlowValue& flow) const {
  FlowState state = flow.state;
  FlowTick last_seen = flow.last_seen;
  if (flow.is_nat != 0) {  // the session sees both directions
    const NatSession& session = nat_.at(flow.value);
    state = session.state;
    last_seen = session.last_seen;
  }
  if (listener >= snapshot.listeners.size() || !snapshot.listeners[listener].in_use) return true;
  const Service& service = snapshot.services[snapshot.listeners[listener].service];
  const auto idle_seconds = static_cast<FlowTick>(now_ - last_seen);
  return is_idle_too_long(state, idle_seconds, service.idle_timeout_seconds);
}

void Tracker::release(FlowValue& flow) {
  if (flow.is_nat != 0) nat_.close(nat_.at(flow.value));
  flow.is_nat = 0;
}

void Tracker::age(const Snapshot& snapshot, std::size_t buckets) {
  const auto visit = [&](auto& entry) {
    if (!is_expired(snapshot, entry.flow_key().listener, entry.flow)) return;
    release(entry.flow);
    entry = {};
    ++counters_.flows_expired;
  };
  sweep4_ = flows4_.sweep(sweep4_, buckets, visit);
  sweep6_ = flows6_.sweep(sweep6_, buckets, visit);
}

}  // namespace sluice::dataplane
