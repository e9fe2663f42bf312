#pragma once

#include <cstddef>
#include <cstdint>

#include "core/config/snapshot.h"
#include "core/contract/shared_memory.h"
#include "core/flow/lookup.h"
#include "dataplane/l4/flow_memory.h"
#include "dataplane/l4/nat.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// Where a client's packet goes.
struct Choice {
  const Backend* backend = nullptr;  // null: `verdict` says why
  NatSession* session = nullptr;     // with forward = nat
  Verdict verdict = Verdict::none;
  FlowLookup lookup = FlowLookup::miss;
};

/// hash_flow of a packet of role flow: the same for all packets of the flow, on every balancer.
[[nodiscard]] std::uint64_t hash_of_flow(const Snapshot& snapshot, const Packet& packet);

/// Remembers which backend each flow is on. One per worker; only that worker's thread calls it.
class Tracker {
 public:
  Tracker(const FlowMemory& memory, const ReturnSteering& steering, std::uint16_t worker,
          WorkerCounters& counters);

  /// Seconds of the worker's clock; entries are stamped with it.
  void set_now(FlowTick now);

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
  [[nodiscard]] Choice known(const Snapshot& snapshot, const Packet& packet, FlowValue& flow);
  template <typename Entry>
  void remember(ConnectionTable<Entry>& table, const typename Entry::Key& key, Entry* reuse,
                const Packet& packet, Choice& choice);
  [[nodiscard]] Choice pick(const Snapshot& snapshot, const Packet& packet);
  [[nodiscard]] bool is_expired(const Snapshot& snapshot, std::uint16_t listener,
                                const FlowValue& flow) const;
  [[nodiscard]] bool make_room_for_session();
  template <typename Entry>
  void forget_flow(ConnectionTable<Entry>& table, const NatSession& session);
  void release(FlowValue& flow);

  ConnectionTable<FlowEntry4> flows4_;
  ConnectionTable<FlowEntry6> flows6_;
  NatSessions nat_;
  WorkerCounters& counters_;
  FlowsSegment& header_;
  FlowTick now_ = 0;
  std::size_t sweep4_ = 0;
  std::size_t sweep6_ = 0;
};

}  // namespace sluice::dataplane
