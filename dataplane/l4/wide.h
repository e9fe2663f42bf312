#pragma once

#include "core/config/snapshot.h"
#include "dataplane/l4/packet.h"

// Packets of wide listeners: of ranges of ports, prefixes, and services for any protocol. Kept out
// of the way of all others.

namespace sluice::dataplane {

/// Makes the packet a wide listener's flow; false, and nothing changed, when there is none for its
/// destination. `knows_ports`: the packet's ports are its own or its first fragment's; without them
/// only services for any protocol take it.
[[nodiscard]] bool claim_wide(const Snapshot& snapshot, Packet& packet, bool knows_ports);

/// The same for a packet that has not been looked at yet: the exact listener comes first.
[[nodiscard]] bool claim_flow(const Snapshot& snapshot, Packet& packet, bool knows_ports);

}  // namespace sluice::dataplane
