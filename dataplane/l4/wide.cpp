#include "dataplane/l4/wide.h"

#include "dataplane/l4/classify.h"

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
  packet.service = static_cast<std::uint16_t>(snapshot.listeners[*id].service);
  packet.guards = snapshot.listeners[*id].guards;
  packet.is_wide = true;
  if (snapshot.listeners[*id].protocol == Protocol::any) forget_layer4(packet.parsed);
  return true;
}

bool claim_flow(const Snapshot& snapshot, Packet& packet, bool knows_ports) {
  return (knows_ports && claim_exact(snapshot, packet)) ||
         claim_wide(snapshot, packet, knows_ports);
}

}  // namespace sluice::dataplane
