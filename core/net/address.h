#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/net/byte_order.h"

namespace sluice {

enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };

/// The protocols a service can have, by their IANA number. `any` is every one of IP's (IANA keeps
/// 255 reserved).
enum class Protocol : std::uint8_t { tcp = 6, udp = 17, sctp = 132, any = 255 };

/// An IPv4 or IPv6 address: sixteen bytes in network order, IPv4 as ::ffff:a.b.c.d (RFC 4291
/// section 2.5.5.2). An IPv6 packet that carries such a mapped address is refused by the parser, so
/// the two never mix.
class Address {
 public:
  constexpr Address() = default;
  [[nodiscard]] static constexpr Address from_ipv4(Be32 address) {
    Address out;
    out.bytes_ = std::bit_cast<std::array<std::uint8_t, 16>>(
        Words{0, std::uint64_t{address.raw()} << 32 | mapped});
    return out;
  }
  [[nodiscard]] static constexpr Address from_bytes(const std::array<std::uint8_t, 16>& bytes) {
    Address out;
    out.bytes_ = bytes;
    return out;
  }

  /// Dotted quad, or RFC 4291 text with "::" and a dotted tail; nothing else around it. No zone, no
  /// prefix length.
  [[nodiscard]] static std::optional<Address> parse(std::string_view text);
  /// RFC 5952 text.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] constexpr bool is_ipv4() const {
    const Words words = std::bit_cast<Words>(bytes_);
    return words[0] == 0 && static_cast<std::uint32_t>(words[1]) == mapped;
  }
  [[nodiscard]] constexpr Family family() const { return is_ipv4() ? Family::ipv4 : Family::ipv6; }
  [[nodiscard]] constexpr Be32 ipv4() const {
    return {{bytes_[12], bytes_[13], bytes_[14], bytes_[15]}};
  }
  [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  /// The two halves as this machine loads them, for hashing and comparison.
  [[nodiscard]] std::uint64_t raw_high() const {
    return load_unaligned<std::uint64_t>(bytes_.data());
  }
  [[nodiscard]] std::uint64_t raw_low() const {
    return load_unaligned<std::uint64_t>(bytes_.data() + 8);
  }

  /// 0.0.0.0 or ::, which no service, backend or source may have.
  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_multicast() const;
  [[nodiscard]] bool is_loopback() const;

  friend constexpr auto operator<=>(const Address&, const Address&) = default;
  // Two words: for sixteen bytes the compiler calls memcmp, at forty instructions a packet.
  friend constexpr bool operator==(const Address& a, const Address& b) {
    const Words left = std::bit_cast<Words>(a.bytes_);
    const Words right = std::bit_cast<Words>(b.bytes_);
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
  }

 private:
  using Words = std::array<std::uint64_t, 2>;
  static constexpr std::uint32_t mapped = 0xffff0000;  // bytes 8 to 11 of an IPv4 one, as loaded
  std::array<std::uint8_t, 16> bytes_{};
};

/// A port of TCP, UDP or SCTP in host order; 0 means "none".
class Port {
 public:
  constexpr Port() = default;
  constexpr explicit Port(std::uint16_t value) : value_(value) {}
  [[nodiscard]] constexpr std::uint16_t value() const { return value_; }
  [[nodiscard]] constexpr Be16 be() const { return Be16::from_host(value_); }
  [[nodiscard]] static constexpr Port from_be(Be16 port) { return Port(port.host()); }
  /// 1 to 65535 in decimal.
  [[nodiscard]] static std::optional<Port> parse(std::string_view text);
  friend constexpr auto operator<=>(const Port&, const Port&) = default;

 private:
  std::uint16_t value_ = 0;
};

struct Endpoint {
  Address address;
  Port port;
  /// "192.0.2.1:80", "[2001:db8::1]:80".
  [[nodiscard]] std::string text() const;
  /// The same form; the port is required.
  [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text);
  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};
  [[nodiscard]] std::string text() const;  // "00:11:22:33:44:55"
  [[nodiscard]] static std::optional<MacAddress> parse(std::string_view text);
  [[nodiscard]] constexpr bool is_group() const { return (bytes[0] & 1) != 0; }
  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;
};

/// Of the protocols a service can have; "?" for others.
[[nodiscard]] std::string_view to_string(Protocol protocol);
/// Of every IP protocol: "tcp", "icmp", "gre", "esp", or its number.
[[nodiscard]] std::string protocol_text(Protocol protocol);
/// Either spelling; not "any".
[[nodiscard]] std::optional<Protocol> parse_protocol(std::string_view text);
[[nodiscard]] constexpr bool has_ports(Protocol protocol) {
  return protocol == Protocol::tcp || protocol == Protocol::udp || protocol == Protocol::sctp;
}

}  // namespace sluice

template <>
struct std::hash<sluice::Address> {
  std::size_t operator()(const sluice::Address& address) const noexcept {
    return static_cast<std::size_t>((address.raw_high() * 0x9e3779b97f4a7c15ULL) ^
                                    address.raw_low());
  }
};
