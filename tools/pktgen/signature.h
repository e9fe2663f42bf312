#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/net/address.h"
#include "core/net/byte_order.h"
#include "core/net/wire.h"

namespace sluice::pktgen {

/// What every packet says of itself. The flow is not in it: it follows from the sequence number.
struct Signature {
  std::uint8_t stream = 0;
  std::uint32_t sequence = 0;  // the lower half of the sender's count
  std::uint64_t sent_ns = 0;   // of the sender's clock, 48 bits
};

/// In what a packet arrived.
enum class Wrapping : std::uint8_t { none, ipip, gre, gue };
inline constexpr std::size_t wrapping_count = 4;

inline constexpr std::uint64_t time_mask = (std::uint64_t{1} << 48) - 1;

/// Magic and stream.
struct SignatureMark {
  std::array<std::uint8_t, 3> magic{};
  std::uint8_t stream = 0;

  static constexpr std::array<std::uint8_t, 3> right = {'S', 'l', 'G'};
};
static_assert(sizeof(SignatureMark) == 4 && alignof(SignatureMark) == 1);

/// Six bytes of nanoseconds, in network order.
struct SignatureTime {
  Be16 high;
  Be32 low;

  [[nodiscard]] static constexpr SignatureTime from_ns(std::uint64_t time_ns) {
    return {Be16::from_host(static_cast<std::uint16_t>(time_ns >> 32)),
            Be32::from_host(static_cast<std::uint32_t>(time_ns))};
  }
  [[nodiscard]] constexpr std::uint64_t ns() const {
    return std::uint64_t{high.host()} << 32 | low.host();
  }
};
static_assert(sizeof(SignatureTime) == 6 && alignof(SignatureTime) == 1);

/// UDP with its signature: fourteen bytes of payload.
struct SignedUdp {
  wire::UdpHeader header;
  SignatureMark mark;
  Be32 sequence;
  SignatureTime time;
};
static_assert(sizeof(SignedUdp) == 22 && alignof(SignedUdp) == 1);

/// TCP with its signature. A frame of 64 bytes leaves six for the payload, so mark and sequence are
/// in the header's fields that carry no meaning to who forwards: acknowledgement and sequence
/// number.
struct SignedTcp {
  wire::TcpHeader header;
  SignatureTime time;
};
static_assert(sizeof(SignedTcp) == 26 && alignof(SignedTcp) == 1);

[[nodiscard]] constexpr std::uint16_t signed_layer4_bytes(Protocol protocol) {
  return protocol == Protocol::udp ? sizeof(SignedUdp) : sizeof(SignedTcp);
}

struct Recognised {
  Signature signature;
  Wrapping wrapping = Wrapping::none;  // the outermost
};

/// Finds the signature in an Ethernet frame: behind up to two VLAN tags, in IPv4 or IPv6, plain or
/// inside up to two IPIP, GRE or GUE headers, whatever addresses and ports say. None: a foreign
/// packet. Never reads outside `frame`.
[[nodiscard]] std::optional<Recognised> recognise(std::span<const std::uint8_t> frame);

}  // namespace sluice::pktgen
