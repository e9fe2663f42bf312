#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/balance/rendezvous.h"
#include "core/balance/slots.h"
#include "core/config/config.h"
#include "core/flow/source_hash.h"

namespace sluice {

/// How a service chooses for a new flow, compiled.
struct Choosing {
  // The slot of the flow's own hash decides and the flow is remembered: nothing else to look at.
  bool is_plain = true;
  Balance balance = Balance::maglev;
  bool by_source = false;   // the slot is the client's, not the flow's
  bool has_limits = false;  // a backend has max_connections
  bool one_packet = false;
  SourceMask mask;                     // with by_source
  std::uint32_t affinity_seconds = 0;  // 0: none
  std::uint32_t service_hash = 0;      // of the service's name: outlives a change of its number
  // weighted_round_robin: a round, as BackendIds; else null.
  std::shared_ptr<const SlotTable> turns;
  // rendezvous: what the slots were built from; else null.
  std::shared_ptr<const std::vector<RendezvousClaim>> claims;

  /// Whether a worker that does not know a flow cannot tell which backend it is on.
  [[nodiscard]] bool depends_on_state() const {
    return affinity_seconds > 0 || has_limits || balance == Balance::weighted_round_robin ||
           balance == Balance::weighted_least_connection;
  }
};

/// All of it but `turns` and `claims`, which go with the slots.
[[nodiscard]] Choosing choosing_of(const ServiceConfig& service);

}  // namespace sluice
