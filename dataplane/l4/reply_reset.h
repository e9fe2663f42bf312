#pragma once

#include <cstdint>

#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// Resets per second and worker: enough for a large server's clients to hear of its death within
/// seconds, and never more than one for each packet that came.
inline constexpr std::uint64_t resets_per_second = 10'000;

/// Makes a client's TCP packet, which `may_cause_reset`, the reset that goes back to the client by
/// the hop that the packet came from.
void reply_reset(Packet& packet);

}  // namespace sluice::dataplane
