#include "dataplane/l4/track.h"

#include "core/flow/idle.h"
#include "core/net/wire.h"
#include "dataplane/l4/gauge.h"
#include "dataplane/l4/quic_route.h"
#include "dataplane/l4/slots.h"

namespace sluice::dataplane {
namespace {

// A wide listener's number may change while its flows go on.
void note_listener(FlowEntry4&, NatSession*, const Packet&) {}
void note_listener(FlowEntry6&, NatSession*, const Packet&) {}
void note_listener(WideFlowEntry& entry, NatSession* session, const Packet& packet) {
  entry.listener = packet.listener;
  if (session != nullptr) session->listener = packet.listener;
}

// Anybody can forge one datagram, so one alone establishes nothing. Where we see the server's side
// too, the client must speak again after that.
FlowState next_udp_state(FlowState state, bool has_session) {
  if (state == FlowState::empty || (has_session && state == FlowState::unanswered))
    return FlowState::unanswered;
  return FlowState::established;
}

// After a client's packet. What has no flags, neither TCP's nor SCTP's, is established at once. We
// may see one direction only, so this is coarser than TCP's own states (RFC 9293 section 3.3.2).
FlowState next_state(FlowState state, const Packet& packet, bool has_session) {
  if (packet.parsed.layer4 == Layer4::udp) return next_udp_state(state, has_session);
  if (has_flag(packet, wire::TcpHeader::fin | wire::TcpHeader::rst)) return FlowState::closing;
  if (state == FlowState::closing) return FlowState::closing;
  if (has_flag(packet, wire::TcpHeader::syn))
    return state == FlowState::empty ? FlowState::opening : state;
  return FlowState::established;
}

// After a server's packet.
FlowState answered_state(FlowState state, const Packet& packet) {
  if (packet.parsed.layer4 != Layer4::udp) return next_state(state, packet, true);
  return state == FlowState::unanswered ? FlowState::answered : state;
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

const Service& service_of(const Snapshot& snapshot, const Packet& packet) {
  return snapshot.services[snapshot.listeners[packet.listener].service];
}

// Whether a packet of a flow whose backend is gone is not picked anew: a connection that has begun
// there cannot go on elsewhere, and the service wants its client to hear of it at once.
// An entry from before the service's forward was changed does not count.
bool ends_flow(const Service& service, const Packet& packet, bool has_session) {
  return service.resets_on_death && (service.forward == Forward::nat) == has_session &&
         (!has_flag(packet, wire::TcpHeader::syn) || has_flag(packet, wire::TcpHeader::ack));
}

}  // namespace

Tracker::Tracker(const FlowMemory& memory, const ReturnSteering& steering, SynGate& syn_gate,
                 Sources& sources, std::uint16_t worker, WorkerCounters& counters,
                 std::span<WorkerCounters> all_counters)
    : flows4_(memory.flows4, memory.header->seed),
      flows6_(memory.flows6, memory.header->seed),
      wide_(memory.wide, memory.header->seed),
      nat_(memory, steering, worker),
      active_(counters, all_counters),
      chooser_(memory, worker, counters, active_),
      syn_gate_(syn_gate),
      counters_(counters),
      sources_(sources),
      header_(*memory.header) {}

void Tracker::set_now(FlowTick now, std::uint64_t now_ns) {
  now_ = now;
  header_.now = now;
  chooser_.set_now(now, now_ns);
}

void Tracker::prefetch_other(Packet& packet) const {
  if (packet.role == Role::nat_return)
    packet.table_hash = nat_.prefetch_return(packet);
  else if (packet.is_wide)
    prefetch_in(wide_, packet);
  else if (packet.parsed.family == Family::ipv4)
    prefetch_in(flows4_, packet);
  else
    prefetch_in(flows6_, packet);
}

void Tracker::recall_other(Packet& packet) const {
  packet.entry = nullptr;
  if (packet.role != Role::nat_return) return;
  NatSession* session = nat_.find_return(packet);
  packet.entry = session;
  if (session != nullptr) __builtin_prefetch(session);
}

Choice Tracker::choose(const Snapshot& snapshot, const Packet& packet) {
  if (packet.is_wide) [[unlikely]]
    return choose_in(wide_, snapshot, packet);
  return packet.parsed.family == Family::ipv4 ? choose_in(flows4_, snapshot, packet)
                                              : choose_in(flows6_, snapshot, packet);
}

template <typename Entry>
Choice Tracker::choose_in(ConnectionTable<Entry>& table, const Snapshot& snapshot,
                          const Packet& packet) {
  const auto key = key_of<Entry>(packet);
  Entry* entry = table.find(key, packet.table_hash);
  const Backend* named = named_backend(snapshot, packet, counters_);
  FlowLookup lookup = FlowLookup::miss;
  if (entry != nullptr) {
    const Choice choice = leaves(snapshot, packet, entry->flow, named)
                              ? Choice{.lookup = FlowLookup::moved}
                              : known(snapshot, packet, entry->flow);
    if (choice.backend != nullptr || choice.verdict != Verdict::none) {
      note_listener(*entry, choice.session, packet);
      return choice;
    }
    lookup = choice.lookup;
    release(*entry);  // closed, too old, or its backend is gone: the entry's place is used again
  }
  if (packet.guards.sources && !sources_.may_connect(packet)) {
    if (entry != nullptr) table.clear(*entry);
    return {.verdict = Verdict::drop_source_connections};
  }
  Choice choice = pick(snapshot, packet, named, entry != nullptr);
  choice.lookup = lookup;
  if (choice.verdict != Verdict::none) {
    if (entry != nullptr) table.clear(*entry);
    return choice;
  }
  const Service& service = snapshot.services[choice.backend->service];
  if (service.choosing.one_packet) {
    if (entry != nullptr) table.clear(*entry);
    return choice;
  }
  // No room: this flow's next packets are to get the same backend without memory.
  if (!remember(table, key, entry, packet, choice) && !service.choosing.is_plain &&
      choice.backend != nullptr)
    choice.backend = slot_backend(snapshot, service, packet);
  return choice;
}

template <typename Entry>
Choice Tracker::look_up_in(const ConnectionTable<Entry>& table, const Snapshot& snapshot,
                           const Packet& packet) const {
  const Entry* entry = table.find(key_of<Entry>(packet), packet.table_hash);
  if (entry != nullptr && !is_expired(snapshot, packet.listener, entry->flow)) {
    const FlowValue& flow = entry->flow;
    NatSession* session = flow.is_nat != 0 ? &nat_.at(flow.value) : nullptr;
    const Target target{session != nullptr ? session->target : flow.value};
    const Backend* backend = keeper_of(snapshot, packet.listener, target, session != nullptr);
    if (backend != nullptr) return {backend, session, Verdict::none, false, FlowLookup::hit};
  }
  const Service& service = service_of(snapshot, packet);
  if (service.forward == Forward::nat || service.choosing.depends_on_state())
    return {.verdict = Verdict::drop_icmp_unknown_flow};
  const Backend* backend = slot_backend(snapshot, service, packet);
  if (backend == nullptr) return {.verdict = Verdict::drop_no_backend};
  return {.backend = backend};
}

Choice Tracker::look_up(const Snapshot& snapshot, const Packet& packet) const {
  if (packet.is_wide) return look_up_in(wide_, snapshot, packet);
  return packet.parsed.family == Family::ipv4 ? look_up_in(flows4_, snapshot, packet)
                                              : look_up_in(flows6_, snapshot, packet);
}

// The backend that this entry keeps the flow on; none when the flow is to be picked anew, or, with
// the verdict replied_reset, when it is to end.
Choice Tracker::known(const Snapshot& snapshot, const Packet& packet, FlowValue& flow) {
  if (is_expired(snapshot, packet.listener, flow)) return {};
  NatSession* session = flow.is_nat != 0 ? &nat_.at(flow.value) : nullptr;
  if (begins_anew(session != nullptr ? session->state : flow.state, packet)) return {};
  const Target target{session != nullptr ? session->target : flow.value};
  const Backend* backend = keeper_of(snapshot, packet.listener, target, session != nullptr);
  if (backend == nullptr) {
    if (ends_flow(service_of(snapshot, packet), packet, session != nullptr))
      return {.verdict = Verdict::replied_reset};
    ++counters_.flows_repicked;
    return {.lookup = FlowLookup::moved};
  }
  flow.last_seen = now_;
  if (session != nullptr) {
    session->last_seen = now_;
    flow.state = next_state(flow.state, packet, false);
    advance(*session, next_state(session->state, packet, true));
  } else {
    const FlowState before = flow.state;
    flow.state = next_state(before, packet, false);
    note_close(before, flow.state, target);
  }
  return {backend, session, Verdict::none, false, FlowLookup::hit};
}

// Whether the packet's connection ID takes the flow away from the backend that it is on. The
// client's address and port may have been another client's, or it has several connections from it.
bool Tracker::leaves(const Snapshot& snapshot, const Packet& packet, const FlowValue& flow,
                     const Backend* named) {
  if (named == nullptr) [[likely]]
    return false;
  const Target target{flow.is_nat != 0 ? nat_.at(flow.value).target : flow.value};
  if (target == named->target) return false;
  if (!is_expired(snapshot, packet.listener, flow)) ++counters_.quic_flows_moved;
  return true;
}

// A flow that begins to close counts as active no more.
void Tracker::note_close(FlowState before, FlowState after, Target target) {
  if (after == FlowState::closing && before != FlowState::closing) [[unlikely]]
    active_.remove(target);
}

void Tracker::advance(NatSession& session, FlowState next) {
  note_close(session.state, next, Target{session.target});
  nat_.set_state(session, next);
}

Choice Tracker::pick(const Snapshot& snapshot, const Packet& packet, const Backend* named,
                     bool was_known) {
  const Service& service = service_of(snapshot, packet);
  Verdict why = Verdict::drop_no_backend;
  const Backend* backend = named != nullptr ? named
                           : service.choosing.is_plain
                               ? slot_backend(snapshot, service, packet)
                               : chooser_.choose(snapshot, service, packet, why);
  if (backend == nullptr) return {.verdict = why};
  if (service.forward != Forward::nat) return {.backend = backend};
  bool is_by_cookie = false;
  // A flow that has lost its server goes on to another, which resets it.
  const bool goes_on = was_known && !has_flag(packet, wire::TcpHeader::syn);
  if (service.syn_cookies != SynCookies::off && !goes_on) {
    const Verdict judged = syn_gate_.judge(service, packet, nat_.is_crowded());
    is_by_cookie = judged == Verdict::sent_syn_proxy;
    if (!is_by_cookie && judged != Verdict::none) return {.backend = backend, .verdict = judged};
  }
  // A packet without a session that does not open a connection would be answered by RST through a
  // session that nobody needs; after a restart the client must learn all the same, so it is
  // translated like any other.
  NatSession* session = nat_.open(snapshot, packet, *backend, why);
  if (why == Verdict::drop_nat_table_full && give_way(snapshot, nat_.find_half_open()))
    session = nat_.open(snapshot, packet, *backend, why);
  if (why == Verdict::drop_nat_ports_exhausted && give_way(snapshot, nat_.half_open_port()))
    session = nat_.open(snapshot, packet, *backend, why);
  if (session == nullptr) return {.verdict = why};
  session->last_seen = now_;
  nat_.set_state(*session, next_state(FlowState::empty, packet, true));
  return {backend, session, Verdict::none, is_by_cookie};
}

// All sessions are taken, or all ports: a half-open one gives way, so that a flood of SYNs, which
// never become more than that, does not shut out clients until it times out.
bool Tracker::give_way(const Snapshot& snapshot, NatSession* session) {
  if (session == nullptr || !forget_flow_of(snapshot, *session)) return false;
  ++counters_.flows_evicted;
  active_.remove(Target{session->target});
  nat_.close(*session);
  return true;
}

// The client's entry goes with its session: the number will soon be another session's. False when
// it is not found, since its listener's number means another VIP by now: it ends in the sweep.
bool Tracker::forget_flow_of(const Snapshot& snapshot, const NatSession& session) {
  if (session.listener >= snapshot.listeners.size()) return false;
  const Listener& listener = snapshot.listeners[session.listener];
  if (listener.is_wide) {
    const WideFlowEntry::Key key{session.client, listener.vip, session.client_port,
                                 session.server_port, Protocol{session.protocol}};
    return forget_flow(wide_, key, session);
  }
  const FlowKey key{session.client, session.client_port, session.listener};
  return session.client.is_ipv4() ? forget_flow(flows4_, FlowEntry4::key_of(key), session)
                                  : forget_flow(flows6_, FlowEntry6::key_of(key), session);
}

template <typename Entry>
bool Tracker::forget_flow(ConnectionTable<Entry>& table, const typename Entry::Key& key,
                          const NatSession& session) {
  Entry* entry = table.find(key, table.hash(key));
  if (entry == nullptr || entry->flow.is_nat == 0 || entry->flow.value != nat_.number_of(session))
    return false;
  stop_counting(*entry);
  table.clear(*entry);
  return true;
}

template <typename Entry>
void Tracker::forget_in(ConnectionTable<Entry>& table, const Packet& packet) {
  Entry* entry = table.find(key_of<Entry>(packet), packet.table_hash);
  if (entry == nullptr) return;
  release(*entry);
  table.clear(*entry);
}

void Tracker::forget(const Packet& packet) {
  if (packet.is_wide)
    forget_in(wide_, packet);
  else if (packet.parsed.family == Family::ipv4)
    forget_in(flows4_, packet);
  else
    forget_in(flows6_, packet);
}

template <typename Entry>
bool Tracker::remember(ConnectionTable<Entry>& table, const typename Entry::Key& key, Entry* reuse,
                       const Packet& packet, Choice& choice) {
  // A reset ends a flow; there is nothing to remember, except for a session that has to be given
  // back some day.
  if (choice.session == nullptr && has_flag(packet, wire::TcpHeader::rst)) {
    if (reuse != nullptr) table.clear(*reuse);
    return true;
  }
  Entry* entry = reuse;
  if (entry == nullptr) {
    const auto half_open = [this](const Entry& other) {
      return is_half_open(state_of(other.flow));
    };
    const auto evict = [this](Entry& other) {
      ++counters_.flows_evicted;
      release(other);
    };
    entry = table.insert(packet.table_hash, half_open, evict);
  }
  if (entry == nullptr) {
    ++counters_.flow_table_full;
    if (choice.session == nullptr) return false;
    nat_.close(*choice.session);
    choice = {.verdict = Verdict::drop_nat_table_full, .lookup = choice.lookup};
    return false;
  }
  entry->set_key(key);
  note_listener(*entry, nullptr, packet);
  if constexpr (std::is_same_v<Entry, WideFlowEntry>) has_wide_ = true;
  entry->flow.value =
      choice.session != nullptr ? nat_.number_of(*choice.session) : choice.backend->target.bits;
  entry->flow.is_nat = choice.session != nullptr ? 1 : 0;
  entry->flow.counted_epoch = (packet.guards.sources ? sources_.connected(packet) : 0) & 0x7f;
  entry->flow.last_seen = now_;
  entry->flow.state = next_state(FlowState::empty, packet, false);
  ++counters_.flows_inserted;
  ++counters_.backends[static_cast<std::size_t>(choice.backend->target.backend())].flows;
  if (ActiveFlows::counts(state_of(entry->flow))) active_.add(choice.backend->target);
  return true;
}

NatSession* Tracker::session_of_return(const Packet& packet) {
  auto* session = static_cast<NatSession*>(packet.entry);
  // Earlier packets of the burst may have closed it.
  if (session == nullptr || !nat_.is_answer(*session, packet)) session = nat_.find_return(packet);
  if (session == nullptr) return nullptr;
  session->last_seen = now_;
  const FlowState next = answered_state(session->state, packet);
  if (next != session->state) [[unlikely]]
    advance(*session, next);
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

FlowState Tracker::state_of(const FlowValue& flow) const {
  return flow.is_nat != 0 ? nat_.at(flow.value).state : flow.state;
}

template <typename Entry>
void Tracker::release(Entry& entry) {
  FlowValue& flow = entry.flow;
  stop_counting(entry);
  const Target target{flow.is_nat != 0 ? nat_.at(flow.value).target : flow.value};
  if (ActiveFlows::counts(state_of(flow))) active_.remove(target);
  if (flow.is_nat != 0) nat_.close(nat_.at(flow.value));
  flow.is_nat = 0;
}

template <typename Entry>
void Tracker::stop_counting(Entry& entry) {
  if (entry.flow.counted_epoch == 0) return;
  sources_.disconnected(entry.flow_key(), entry.flow.counted_epoch);
  entry.flow.counted_epoch = 0;
}

void Tracker::show_tables() {
  const std::size_t flows_max = header_.sessions_count;
  show_use(counters_, TableKind::flows4, flows4_.size(), flows4_.capacity());
  show_use(counters_, TableKind::flows6, flows6_.size(), flows6_.capacity());
  show_use(counters_, TableKind::wide_flows, wide_.size(), wide_.capacity());
  show_use(counters_, TableKind::nat_sessions, nat_.size(), flows_max);
  show_use(counters_, TableKind::nat_returns4, nat_.returns4(), flows_max);
  show_use(counters_, TableKind::nat_returns6, nat_.returns6(), flows_max);
}

void Tracker::age(const Snapshot& snapshot, std::size_t buckets) {
  const auto forget_expired = [&](auto& table) {
    return [&](auto& entry) {
      if (!is_expired(snapshot, entry.flow_key().listener, entry.flow)) return;
      release(entry);
      table.clear(entry);
      ++counters_.flows_expired;
    };
  };
  sweep4_ = flows4_.sweep(sweep4_, buckets, forget_expired(flows4_));
  sweep6_ = flows6_.sweep(sweep6_, buckets, forget_expired(flows6_));
  if (has_wide_) sweep_wide_ = wide_.sweep(sweep_wide_, buckets, forget_expired(wide_));
  chooser_.age(buckets, bucket_count());
  show_tables();
}

}  // namespace sluice::dataplane
