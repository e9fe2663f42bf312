#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/config/snapshot.h"
#include "dataplane/l4/active_flows.h"
#include "dataplane/l4/affinity.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// Chooses backends for new flows of services whose choice is more than the slot of the flow's
/// hash: by turns, by the number of flows, by what the client had, within limits. One per worker.
class Chooser {
 public:
  Chooser(const FlowMemory& memory, std::uint16_t worker, WorkerCounters& own,
          const ActiveFlows& active);

  void set_now(FlowTick now, std::uint64_t now_ns) {
    affinity_.set_now(now);
    now_ns_ = now_ns;
  }
  /// The backend of a new flow that begins with this packet; null: `why` says drop_no_backend or
  /// drop_backends_full.
  [[nodiscard]] const Backend* choose(const Snapshot& snapshot, const Service& service,
                                      const Packet& packet, Verdict& why);
  /// Forgets clients that have timed out: all of them in a round in which `buckets` adds up to
  /// `of`.
  void age(std::size_t buckets, std::size_t of) { affinity_.age(buckets, of); }

 private:
  // What a service's choices leave behind, by its number in the snapshot. Numbers change, so
  // `service_hash` says whose it is.
  struct Past {
    static constexpr std::size_t candidates_max = 16;
    std::uint32_t service_hash = 0;
    std::uint32_t cursor = 0;          // of the turns, or where a search among equals begins
    std::uint64_t full_until_ns = 0;   // every backend was found full: no search before then
    std::uint64_t least_until_ns = 0;  // `candidates` hold until then
    std::array<std::uint16_t, candidates_max> candidates{};  // indexes into Service::shares
    std::uint8_t candidate_count = 0;
  };

  [[nodiscard]] Past& past_of(const Service& service);
  [[nodiscard]] bool is_full(const Backend& backend) const {
    return backend.max_connections > 0 &&
           active_.on(backend.target.backend()) >= backend.max_connections;
  }
  [[nodiscard]] const Backend* first_choice(const Snapshot& snapshot, const Service& service,
                                            const Packet& packet, Past& past);
  [[nodiscard]] const Backend* least_loaded(const Snapshot& snapshot, const Service& service,
                                            Past& past);
  void find_candidates(const Service& service, Past& past);
  [[nodiscard]] const Backend* next_choice(const Snapshot& snapshot, const Service& service,
                                           const Packet& packet, Past& past);

  std::uint16_t worker_;
  const ActiveFlows& active_;
  Affinity affinity_;
  std::vector<Past> pasts_;
  std::uint64_t now_ns_ = 0;
};

}  // namespace sluice::dataplane
