#pragma once

#include "core/flow/entry.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// What tells the flow of a packet of role flow from all others in the table of these entries.
template <typename Entry>
[[nodiscard]] inline typename Entry::Key key_of(const Packet& packet) {
  const ParsedPacket& parsed = packet.parsed;
  return Entry::key_of({parsed.source, parsed.source_port, packet.listener});
}

/// Services for any protocol keep their packets' protocol out of sight.
[[nodiscard]] inline Protocol protocol_of_flow(const ParsedPacket& parsed) {
  const bool has_ports =
      parsed.layer4 == Layer4::tcp || parsed.layer4 == Layer4::udp || parsed.layer4 == Layer4::sctp;
  return has_ports ? Protocol{parsed.ip_protocol} : Protocol::any;
}
template <>
[[nodiscard]] inline WideFlowEntry::Key key_of<WideFlowEntry>(const Packet& packet) {
  const ParsedPacket& parsed = packet.parsed;
  return {parsed.source, parsed.destination, parsed.source_port, parsed.destination_port,
          protocol_of_flow(parsed)};
}

[[nodiscard]] inline bool has_flag(const Packet& packet, std::uint8_t flag) {
  return (packet.parsed.tcp_flags & flag) != 0;
}

}  // namespace sluice::dataplane
