#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace sluice {

/// The longest connection ID of QUIC version 1 (RFC 9000 section 17.2). Others may have longer
/// ones, up to 255 bytes (RFC 8999 section 5.1).
inline constexpr std::size_t quic_connection_id_bytes_max = 20;

/// The first packet of a datagram, as far as every version of QUIC has it (RFC 8999 section 5).
struct QuicHeader {
  bool is_long = false;
  /// Where the destination connection ID is. A short header does not say how long it is: then this
  /// is all that follows, 20 bytes at most, and the ID is a prefix of it.
  std::span<const std::uint8_t> connection_id;
};

/// Nothing when the datagram is too short for what it says. Never reads outside `datagram`.
[[nodiscard]] std::optional<QuicHeader> parse_quic_header(std::span<const std::uint8_t> datagram);

}  // namespace sluice
