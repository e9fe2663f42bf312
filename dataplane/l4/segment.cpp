#include "dataplane/l4/segment.h"

#include <cstring>

namespace sluice::dataplane {

bool replace_by(Packet& packet, const TcpSegment& segment) {
  const std::size_t link_bytes = packet.parsed.l3_offset;
  const std::size_t wanted = link_bytes + tcp_segment_bytes(segment);
  const std::size_t room = std::size_t{packet.headroom_bytes} + packet.length_bytes;
  if (wanted > room) {
    packet.verdict = Verdict::drop_no_headroom;
    return false;
  }
  // The new frame ends where the old one did: behind that the buffer may end.
  std::uint8_t* data = packet.data + packet.length_bytes - wanted;
  std::memmove(data, packet.data, link_bytes);
  write_tcp_segment(data + link_bytes, segment);
  packet.data = data;
  packet.headroom_bytes = static_cast<std::uint16_t>(room - wanted);
  packet.length_bytes = static_cast<std::uint16_t>(wanted);
  packet.verdict = parse({packet.data, packet.length_bytes}, packet.parsed);
  return packet.verdict == Verdict::none;
}

}  // namespace sluice::dataplane
