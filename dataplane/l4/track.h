#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/config/snapshot.h"
#include "core/contract/shared_memory.h"
#include "core/flow/lookup.h"
#include "dataplane/l4/active_flows.h"
#include "dataplane/l4/chooser.h"
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
  void prefetch(Packet& packet) const;
  /// Second step: the known backend, or one picked from the service's slots and remembered where
  /// there is room.
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

}  // namespace sluice::dataplane
