#include "core/net/quic_header.h"

#include <algorithm>

namespace sluice {

std::optional<QuicHeader> parse_quic_header(std::span<const std::uint8_t> datagram) {
  constexpr std::uint8_t long_form = 0x80;  // the only bit of the first byte that is for good
  if (datagram.empty()) return std::nullopt;
  if ((datagram[0] & long_form) == 0) {
    const auto rest = datagram.subspan(1);
    return QuicHeader{
        .is_long = false,
        .connection_id = rest.first(std::min(rest.size(), quic_connection_id_bytes_max))};
  }
  // First byte, version of four bytes, length of the destination connection ID, the ID.
  constexpr std::size_t length_offset = 5;
  constexpr std::size_t id_offset = length_offset + 1;
  if (datagram.size() < id_offset) return std::nullopt;
  const std::size_t length = datagram[length_offset];
  if (datagram.size() - id_offset < length) return std::nullopt;
  return QuicHeader{.is_long = true, .connection_id = datagram.subspan(id_offset, length)};
}

}  // namespace sluice
