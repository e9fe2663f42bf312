#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/net/address.h"
#include "core/net/prefix.h"

// What a service may listen on. The settings have `parse` and `text`, by which codec, JSON and diff
// treat them.

namespace sluice {

/// A VIP: one address, or a prefix of which every address is served. An address is a block of one.
struct VipBlock {
  Prefix prefix;

  constexpr VipBlock() = default;
  constexpr VipBlock(const Address& address)
      : prefix{address, static_cast<std::uint8_t>(address.is_ipv4() ? 32 : 128)} {}
  constexpr explicit VipBlock(const Prefix& block) : prefix(block) {}

  /// "203.0.113.10", or "203.0.113.0/28" with host bits zero.
  [[nodiscard]] static std::optional<VipBlock> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  friend constexpr auto operator<=>(const VipBlock&, const VipBlock&) = default;
};

/// The ports of a service: one, a range, or any. A port is a range of one.
struct PortRange {
  Port first;
  Port last;

  constexpr PortRange() = default;
  constexpr PortRange(Port port) : first(port), last(port) {}
  constexpr PortRange(Port low, Port high) : first(low), last(high) {}
  /// Port 0 is among them: what a packet has, not what an operator can write.
  [[nodiscard]] static constexpr PortRange any() { return {Port(0), Port(0xffff)}; }

  [[nodiscard]] constexpr bool is_one() const { return first == last; }
  [[nodiscard]] constexpr bool is_any() const { return *this == any(); }
  [[nodiscard]] constexpr bool contains(Port port) const { return first <= port && port <= last; }
  [[nodiscard]] constexpr bool contains(const PortRange& inner) const {
    return first <= inner.first && inner.last <= last;
  }
  [[nodiscard]] constexpr bool meets(const PortRange& other) const {
    return first <= other.last && other.first <= last;
  }

  /// "80", "8000-8999" or "any".
  [[nodiscard]] static std::optional<PortRange> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  friend constexpr auto operator<=>(const PortRange&, const PortRange&) = default;
};

/// What one listener takes: every packet of this protocol to one of these addresses and ports. With
/// Protocol::any every IP packet to these addresses, and ports are any.
struct Listening {
  VipBlock vips;
  PortRange ports;
  Protocol protocol = Protocol::tcp;

  /// Whether it is more than one address, port and protocol, so that a flow's key needs all three.
  [[nodiscard]] constexpr bool is_wide() const {
    return !vips.prefix.is_one_address() || !ports.is_one() || protocol == Protocol::any;
  }
  /// "203.0.113.10:80", "[2001:db8::/64]:8000-8999"; without ports where the protocol is any.
  [[nodiscard]] std::string place_text() const;
  /// "203.0.113.10:80/tcp", "[2001:db8::/64]:8000-8999/udp", "203.0.113.10/any".
  [[nodiscard]] std::string text() const;
  friend constexpr auto operator<=>(const Listening&, const Listening&) = default;
};

}  // namespace sluice
