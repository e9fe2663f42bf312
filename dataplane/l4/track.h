#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/config/snapshot.h"
#include "core/contract/shared_memory.h"
#include "core/flow/lookup.h"
#include "core/net/wire.h"
#include "dataplane/l4/active_flows.h"
#include "dataplane/l4/chooser.h"
#include "dataplane/l4/flow_key.h"
#include "dataplane/l4/flow_memory.h"
#include "dataplane/l4/nat.h"
#include "dataplane/l4/packet.h"
#include "dataplane/l4/sources.h"
#include "dataplane/l4/syn_gate.h"

namespace sluice::dataplane {

/// Where a client's packet goes.
struct Choice {
  const Backend* backend = nullptr;  // null: `verdict` says why; replied_syn_cookie has both
  NatSession* session = nullptr;     // with forward = nat
  Verdict verdict = Verdict::none;   // none: it goes there
  bool is_by_cookie = false;         // the session has just been opened by a SYN cookie
  FlowLookup lookup = FlowLookup::miss;
};

/// Where a packet of a known flow goes.
struct Known {
  const Backend* backend = nullptr;
  NatSession* session = nullptr;  // with forward = nat
};

/// Remembers which backend each flow is on. One per worker; only that worker's thread calls it.
class Tracker {
 public:
  Tracker(const FlowMemory& memory, const ReturnSteering& steering, SynGate& syn_gate,
          Sources& sources, std::uint16_t worker, WorkerCounters& counters,
          std::span<WorkerCounters> all_counters);
  Tracker(const Tracker&) = delete;  // its parts borrow each other

  /// The worker's clock: in seconds, with which entries are stamped, and whole.
  void set_now(FlowTick now, std::uint64_t now_ns);

  /// First step, for the whole burst: hashes the key and starts fetching its bucket.
  void prefetch(Packet& packet) const {
    if (packet.is_wide || packet.role != Role::flow) [[unlikely]]
      prefetch_other(packet);
    else if (packet.parsed.family == Family::ipv4)
      prefetch_in(flows4_, packet);
    else
      prefetch_in(flows6_, packet);
  }
  /// Between the two, when the bucket is there: starts fetching what it leads to, be it the
  /// session, the backend or the key's other bucket.
  void recall(const Snapshot& snapshot, Packet& packet) const {
    if (packet.is_wide || packet.role != Role::flow) [[unlikely]]
      recall_other(packet);
    else if (packet.parsed.family == Family::ipv4)
      recall_in(flows4_, snapshot, packet);
    else
      recall_in(flows6_, snapshot, packet);
  }
  /// Second step for nearly every packet: the backend of a flow that is established and goes on.
  /// None: `choose` has to look closer, and nothing has been changed.
  [[nodiscard]] Known find_established(const Snapshot& snapshot, const Packet& packet);
  /// Second step for all others: the known backend, or one picked from the service's slots and
  /// remembered where there is room.
  [[nodiscard]] Choice choose(const Snapshot& snapshot, const Packet& packet);
  /// The session of a server's answer; null when this worker does not know it.
  [[nodiscard]] NatSession* session_of_return(const Packet& packet);
  /// Where a packet of this client's flow would go, without a trace: nothing is remembered,
  /// refreshed or begun. Without a NAT session of its own it has none: drop_icmp_unknown_flow.
  [[nodiscard]] Choice look_up(const Snapshot& snapshot, const Packet& packet) const;
  /// The session of a server's answer, without refreshing it; null when this worker does not know
  /// it.
  [[nodiscard]] const NatSession* look_up_return(const Packet& packet) const {
    return nat_.find_return(packet);
  }
  [[nodiscard]] std::uint16_t rss_worker(const Packet& packet) const {
    return nat_.rss_worker(packet);
  }

  /// Ends a known flow of role flow; nothing when there is none.
  void forget(const Packet& packet);

  /// Frees what has been idle too long in the next `buckets` buckets of each table. A full round
  /// must take less than half of the clock's range (9 hours).
  void age(const Snapshot& snapshot, std::size_t buckets);
  /// Buckets of the larger table: how many `age` has to visit for a full round.
  [[nodiscard]] std::size_t bucket_count() const { return flows6_.bucket_count(); }

 private:
  void prefetch_other(Packet& packet) const;
  template <typename Entry>
  static void prefetch_in(const ConnectionTable<Entry>& table, Packet& packet) {
    packet.table_hash = table.hash(key_of<Entry>(packet));
    table.prefetch(packet.table_hash);
  }
  void recall_other(Packet& packet) const;
  template <typename Entry>
  void recall_in(const ConnectionTable<Entry>& table, const Snapshot& snapshot,
                 Packet& packet) const {
    Entry* entry = table.find_first(key_of<Entry>(packet), packet.table_hash);
    packet.entry = entry;
    if (entry == nullptr)
      table.prefetch_alternate(packet.table_hash);
    else if (entry->flow.is_nat != 0)
      __builtin_prefetch(&nat_.at(entry->flow.value));
    else
      snapshot.backends.prefetch(static_cast<std::size_t>(Target{entry->flow.value}.backend()));
  }
  template <typename Entry>
  [[nodiscard]] static FlowValue* flow_in(const ConnectionTable<Entry>& table,
                                          const Packet& packet) {
    const auto key = key_of<Entry>(packet);
    Entry* entry = static_cast<Entry*>(packet.entry);
    // Earlier packets of the burst may have moved or cleared it.
    if (entry == nullptr || !entry->has_bits(key) || entry->is_empty())
      entry = table.find(key, packet.table_hash);
    return entry == nullptr ? nullptr : &entry->flow;
  }
  template <typename Entry>
  [[nodiscard]] Choice choose_in(ConnectionTable<Entry>& table, const Snapshot& snapshot,
                                 const Packet& packet);
  template <typename Entry>
  [[nodiscard]] Choice look_up_in(const ConnectionTable<Entry>& table, const Snapshot& snapshot,
                                  const Packet& packet) const;
  void note_close(FlowState before, FlowState after, Target target);
  void advance(NatSession& session, FlowState next);
  [[nodiscard]] Choice known(const Snapshot& snapshot, const Packet& packet, FlowValue& flow);
  // Whether there was room, or nothing to remember. Without room for a session there is no choice.
  template <typename Entry>
  [[nodiscard]] bool remember(ConnectionTable<Entry>& table, const typename Entry::Key& key,
                              Entry* reuse, const Packet& packet, Choice& choice);
  [[nodiscard]] bool leaves(const Snapshot& snapshot, const Packet& packet, const FlowValue& flow,
                            const Backend* named);
  /// `named`: by a connection ID; null: the service's policy chooses.
  [[nodiscard]] Choice pick(const Snapshot& snapshot, const Packet& packet, const Backend* named,
                            bool was_known);
  [[nodiscard]] bool is_expired(const Snapshot& snapshot, std::uint16_t listener,
                                const FlowValue& flow) const;
  [[nodiscard]] bool give_way(const Snapshot& snapshot, NatSession* session);
  template <typename Entry>
  [[nodiscard]] bool forget_flow(ConnectionTable<Entry>& table, const typename Entry::Key& key,
                                 const NatSession& session);
  [[nodiscard]] bool forget_flow_of(const Snapshot& snapshot, const NatSession& session);
  [[nodiscard]] FlowState state_of(const FlowValue& flow) const;
  template <typename Entry>
  void forget_in(ConnectionTable<Entry>& table, const Packet& packet);
  template <typename Entry>
  void release(Entry& entry);
  template <typename Entry>
  void stop_counting(Entry& entry);
  void show_tables();

  ConnectionTable<FlowEntry4> flows4_;
  ConnectionTable<FlowEntry6> flows6_;
  ConnectionTable<WideFlowEntry> wide_;
  NatSessions nat_;
  ActiveFlows active_;
  Chooser chooser_;
  SynGate& syn_gate_;
  WorkerCounters& counters_;
  Sources& sources_;
  FlowsSegment& header_;
  FlowTick now_ = 0;
  std::size_t sweep4_ = 0;
  std::size_t sweep6_ = 0;
  std::size_t sweep_wide_ = 0;
  bool has_wide_ = false;  // ever had: until then nobody touches that table's memory
};

// What `known` says of such a packet, by a shorter way: all it needs is in the flow's entry and in
// the first line of its backend.
inline Known Tracker::find_established(const Snapshot& snapshot, const Packet& packet) {
  constexpr std::uint8_t turns = wire::TcpHeader::syn | wire::TcpHeader::fin | wire::TcpHeader::rst;
  if (packet.is_wide || packet.guards.connection_ids || has_flag(packet, turns)) [[unlikely]]
    return {};
  FlowValue* flow =
      packet.parsed.family == Family::ipv4 ? flow_in(flows4_, packet) : flow_in(flows6_, packet);
  if (flow == nullptr || flow->state != FlowState::established) [[unlikely]]
    return {};
  NatSession* session = nullptr;
  Target target{flow->value};
  FlowTick last_seen = flow->last_seen;
  if (flow->is_nat != 0) {
    session = &nat_.at(flow->value);
    if (session->state != FlowState::established) return {};
    target = Target{session->target};
    last_seen = session->last_seen;
  }
  const Backend* backend = snapshot.backends.find(static_cast<std::size_t>(target.backend()));
  if (backend == nullptr) [[unlikely]]
    return {};
  const auto idle_seconds = static_cast<FlowTick>(now_ - last_seen);
  if (backend->target != target || !backend->keeps_flows || backend->service != packet.service ||
      has_session(backend->sending) != (session != nullptr) ||
      idle_seconds > backend->idle_timeout_seconds) [[unlikely]]
    return {};
  flow->last_seen = now_;
  if (session != nullptr) session->last_seen = now_;
  return {backend, session};
}

}  // namespace sluice::dataplane
