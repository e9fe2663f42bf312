#include "dataplane/l4/quic_route.h"

#include <algorithm>

#include "core/net/cursor.h"
#include "core/net/quic_header.h"
#include "core/net/wire.h"

namespace sluice::dataplane {
namespace {

// What UDP carries; nothing in a later fragment, which begins anywhere. Of a first fragment only
// what is in this frame.
std::span<const std::uint8_t> datagram_of(const Packet& packet) {
  const ParsedPacket& parsed = packet.parsed;
  if (!parsed.has_ports) return {};
  // The parser has seen that the IP packet is all there, and a whole UDP header in it.
  const std::size_t end = std::size_t{parsed.l3_offset} + parsed.ip_length_bytes;
  Cursor cursor(std::span<const std::uint8_t>(packet.data, end).subspan(parsed.l4_offset));
  const auto* udp = cursor.take<wire::UdpHeader>();
  const std::size_t told = std::size_t{udp->length.host()} - sizeof *udp;
  return {cursor.here(), std::min(told, cursor.left())};
}

const Backend* find(const Snapshot& snapshot, const QuicRoutes& routes, const Packet& packet) {
  const auto header = parse_quic_header(datagram_of(packet));
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
