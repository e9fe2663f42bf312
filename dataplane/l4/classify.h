#pragma once

#include "core/config/snapshot.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// Parses the frame and decides whose it is: sets `role` and what goes with it, or a final verdict.
void classify(const Snapshot& snapshot, Packet& packet);

}  // namespace sluice::dataplane
