#pragma once

#include <cstdint>

#include "core/config/snapshot.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// hash_flow of a packet of role flow: the same for all packets of the flow, on every balancer.
[[nodiscard]] std::uint64_t hash_of_flow(const Snapshot& snapshot, const Packet& packet);

/// The slot of the service for this packet: of its flow, or of its client where the service says
/// so. The service has slots.
[[nodiscard]] std::uint32_t slot_of_packet(const Snapshot& snapshot, const Service& service,
                                           const Packet& packet);

/// The backend that the service's slots name for this packet, on every balancer alike; null when
/// there is none to choose.
[[nodiscard]] const Backend* slot_backend(const Snapshot& snapshot, const Service& service,
                                          const Packet& packet);

}  // namespace sluice::dataplane
