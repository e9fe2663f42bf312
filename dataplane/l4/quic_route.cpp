#include "dataplane/l4/quic_route.h"

#include "core/net/quic_packet.h"

namespace sluice::dataplane {
namespace {

const Backend* find(const Snapshot& snapshot, const QuicRoutes& routes, const Packet& packet) {
  const auto header = quic_header_of({packet.data, packet.length_bytes}, packet.parsed);
  if (!header) return nullptr;
  const auto server_id = routes.decode(*header);
  if (!server_id) return nullptr;
  const auto owner = routes.owner(*server_id);
  if (!owner) return nullptr;
  const Backend& backend = snapshot.backend(BackendId{*owner});
  return backend.keeps_flows ? &backend : nullptr;
}

}  // namespace

const Backend* route_by_connection_id(const Snapshot& snapshot, const QuicRoutes& routes,
                                      const Packet& packet, WorkerCounters& counters) {
  const Backend* backend = find(snapshot, routes, packet);
  ++(backend != nullptr ? counters.quic_by_connection_id : counters.quic_by_flow);
  return backend;
}

}  // namespace sluice::dataplane
