#include "core/net/quic_packet.h"

#include <algorithm>

#include "core/net/cursor.h"
#include "core/net/wire.h"

namespace sluice {

std::optional<QuicHeader> quic_header_of(std::span<const std::uint8_t> frame,
                                         const ParsedPacket& parsed) {
  if (!parsed.has_ports || parsed.layer4 != Layer4::udp) return std::nullopt;
  // The parser has seen that the IP packet is all there, and a whole UDP header in it.
  const std::size_t end = std::size_t{parsed.l3_offset} + parsed.ip_length_bytes;
  Cursor cursor(frame.first(end).subspan(parsed.l4_offset));
  const auto* udp = cursor.take<wire::UdpHeader>();
  const std::size_t told = std::size_t{udp->length.host()} - sizeof *udp;
  return parse_quic_header({cursor.here(), std::min(told, cursor.left())});
}

}  // namespace sluice
