#include "dataplane/l4/wide.h"

namespace sluice::dataplane {
namespace {

// A service for any protocol goes by addresses alone: then every packet of a client, whatever its
// protocol, and every fragment of it goes to one backend, without a look at the first one.
void forget_layer4(ParsedPacket& parsed) {
  parsed.source_port = parsed.destination_port = {};
  parsed.tcp_flags = 0;
  if (parsed.layer4 != Layer4::icmp && parsed.layer4 != Layer4::icmpv6)
    parsed.layer4 = Layer4::other;
}

}  // namespace

bool claim_wide(const Snapshot& snapshot, Packet& packet, bool knows_ports) {
  const ParsedPacket& parsed = packet.parsed;
  const auto id = snapshot.wide.find(parsed.destination, Port::from_be(parsed.destination_port),
                                     knows_ports ? Protocol{parsed.ip_protocol} : Protocol::any);
  if (!id) return false;
  packet.role = Role::flow;
  packet.verdict = Verdict::none;
  packet.listener = *id;
  packet.guards = snapshot.listeners[*id].guards;
  packet.is_wide = true;
  if (snapshot.listeners[*id].protocol == Protocol::any) forget_layer4(packet.parsed);
  return true;
}

bool claim_flow(const Snapshot& snapshot, Packet& packet, bool knows_ports) {
  const ParsedPacket& parsed = packet.parsed;
  const auto* exact = knows_ports ? snapshot.vips.find(parsed.destination, parsed.destination_port,
                                                       Protocol{parsed.ip_protocol})
                                  : nullptr;
  if (exact == nullptr) return claim_wide(snapshot, packet, knows_ports);
  packet.role = Role::flow;
  packet.listener = exact->id;
  packet.guards = exact->guards;
  packet.is_wide = false;
  return true;
}

}  // namespace sluice::dataplane
