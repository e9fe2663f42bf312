#pragma once

#include "core/config/snapshot.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// Whether the lists of all services and those of the listener's let a packet of role flow in that
/// is guarded by `access`.
[[nodiscard]] inline bool may_enter(const Snapshot& snapshot, const Packet& packet) {
  const Address& source = packet.parsed.source;
  if (snapshot.access != nullptr && !snapshot.access->find(source)) return false;
  const auto& own = snapshot.services[snapshot.listeners[packet.listener].service].access;
  return own == nullptr || own->find(source);
}

}  // namespace sluice::dataplane
