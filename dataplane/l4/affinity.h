#pragma once

#include <cstddef>
#include <cstdint>

#include "core/config/snapshot.h"
#include "core/contract/shared_memory.h"
#include "core/flow/affinity_entry.h"
#include "dataplane/l4/flow_memory.h"

namespace sluice::dataplane {

/// Which backend the clients of services with affinity are on. One per worker.
class Affinity {
 public:
  Affinity(const FlowMemory& memory, WorkerCounters& counters)
      : table_(memory.affinities, memory.header->seed), counters_(counters) {}

  void set_now(FlowTick now) { now_ = now; }

  /// The client's backend, its timeout begun anew; null when it has none that takes new flows.
  [[nodiscard]] const Backend* find(const Snapshot& snapshot, const Service& service,
                                    const Address& client);
  /// Remembers it for as long as the service says. Without room the client stays where its address
  /// puts it for as long as the slots do.
  void remember(const Service& service, const Address& client, const Backend& backend);
  /// Forgets what has timed out in the share of the table that is due when `buckets` of `of` are.
  void age(std::size_t buckets, std::size_t of);

 private:
  [[nodiscard]] static AffinityEntry::Key key_of(const Service& service, const Address& client) {
    return {masked_source(client, service.choosing.mask), service.choosing.service_hash};
  }

  ConnectionTable<AffinityEntry> table_;
  WorkerCounters& counters_;
  FlowTick now_ = 0;
  std::size_t sweep_ = 0;
};

}  // namespace sluice::dataplane
