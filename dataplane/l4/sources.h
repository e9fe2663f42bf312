#pragma once

#include <cstddef>
#include <cstdint>

#include "core/config/snapshot.h"
#include "core/contract/shared_memory.h"
#include "core/limit/source_table.h"
#include "dataplane/l4/flow_memory.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// Holds the clients of a service to its limits per source. One per worker; only that worker's
/// thread calls it, and only for packets of role flow that are guarded by `sources`.
class Sources {
 public:
  Sources(const FlowMemory& memory, WorkerCounters& counters);

  /// Before each burst. The snapshot is the one that all of it is forwarded by.
  void begin(const Snapshot& snapshot, std::uint64_t now_ns) {
    snapshot_ = &snapshot;
    now_ns_ = now_ns;
    table_.begin_epoch(snapshot.source_rules_signature);
  }
  /// First step, for the whole burst: who the packet is from, and a prefetch of what is known of
  /// it.
  void prefetch(Packet& packet) const;
  /// Second step: whether the client may send another packet.
  [[nodiscard]] bool admit(Packet& packet);
  /// Whether it may begin another connection, which this packet would be the first of.
  [[nodiscard]] bool may_connect(const Packet& packet) const;
  /// It has begun one. The flow's entry keeps what this returns, in `counted_epoch`.
  [[nodiscard]] std::uint8_t connected(const Packet& packet);
  /// A connection with this `counted_epoch`, not zero, has ended.
  void disconnected(const FlowKey& flow, std::uint8_t counted_epoch);

  /// Counts how many rows are in use, in small steps.
  void age();

 private:
  [[nodiscard]] const SourceRules& rules_of(std::uint16_t listener) const {
    return snapshot_->services[snapshot_->listeners[listener].service].source_rules;
  }

  SourceTable table_;
  WorkerCounters& counters_;
  const Snapshot* snapshot_ = nullptr;
  std::uint64_t now_ns_ = 0;
  std::size_t sweep_ = 0;        // the next bucket to count
  std::size_t used_so_far_ = 0;  // in the buckets before it
};

}  // namespace sluice::dataplane
