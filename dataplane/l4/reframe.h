#pragma once

#include <cstddef>
#include <cstdint>

#include "core/config/snapshot.h"
#include "core/net/wire.h"
#include "dataplane/l4/packet.h"

// How a packet is brought into the shape in which it leaves. Inlined: most packets come here.

namespace sluice::dataplane {

[[nodiscard]] inline std::uint8_t* ip_header(const Packet& packet) {
  return packet.data + packet.parsed.l3_offset;
}

/// Makes the frame begin `header_bytes` plus a link header before the IP packet and end with it;
/// VLAN tags and link padding are gone. False, with a verdict, when the buffer has no room in
/// front.
[[nodiscard]] inline bool reframe(Packet& packet, std::size_t header_bytes) {
  const std::size_t before = header_bytes + sizeof(wire::EthernetHeader);
  const std::size_t room = std::size_t{packet.headroom_bytes} + packet.parsed.l3_offset;
  if (before > room) [[unlikely]] {
    packet.verdict = Verdict::drop_no_headroom;
    return false;
  }
  packet.data = ip_header(packet) - before;
  packet.headroom_bytes = static_cast<std::uint16_t>(room - before);
  packet.length_bytes = static_cast<std::uint16_t>(before + packet.parsed.ip_length_bytes);
  packet.parsed.l4_offset =
      static_cast<std::uint16_t>(packet.parsed.l4_offset - packet.parsed.l3_offset + before);
  packet.parsed.l3_offset = static_cast<std::uint16_t>(before);
  return true;
}

inline void send_by(Packet& packet, Verdict verdict, PortIndex port) {
  packet.verdict = verdict;
  packet.out_port = port;
}

/// Once the tunnel's headers are written.
inline void send_tunnelled(Packet& packet, Verdict verdict, const Backend& backend) {
  backend.link.write(packet.data, backend.outer.family());
  send_by(packet, verdict, backend.out_port);
}

}  // namespace sluice::dataplane
