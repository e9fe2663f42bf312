#pragma once

#include "core/config/snapshot.h"
#include "core/contract/shared_memory.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// The backend that the packet's QUIC connection ID names, of a service with quic_lb; null when it
/// names none that keeps its flows. Counts which way it was.
[[nodiscard]] const Backend* route_by_connection_id(const Snapshot& snapshot,
                                                    const QuicRoutes& routes, const Packet& packet,
                                                    WorkerCounters& counters);

/// The same for any service: null, at the price of one look, without quic_lb.
[[nodiscard]] inline const Backend* named_backend(const Snapshot& snapshot, const Packet& packet,
                                                  WorkerCounters& counters) {
  const Listener& listener = snapshot.listeners[packet.listener];
  const QuicRoutes* routes = snapshot.services[listener.service].quic.get();
  if (routes == nullptr) [[likely]]
    return nullptr;
  return route_by_connection_id(snapshot, *routes, packet, counters);
}

}  // namespace sluice::dataplane
