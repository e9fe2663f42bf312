#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/net/address.h"

namespace sluice {

/// An address block. `length_bits` counts within the family: 0 to 32 for IPv4, 0 to 128 for IPv6.
struct Prefix {
  Address address;
  std::uint8_t length_bits = 0;

  [[nodiscard]] bool contains(const Address& candidate) const;
  [[nodiscard]] constexpr bool is_one_address() const {
    return length_bits == (address.is_ipv4() ? 32 : 128);
  }
  /// The block of this length, at most the family's, that an address is in.
  [[nodiscard]] static Prefix around(const Address& address, std::uint8_t length_bits);
  /// The address of this block whose last bits, as many as are free but at most 64, are `number`'s.
  [[nodiscard]] Address at(std::uint64_t number) const;
  /// "192.0.2.0/24"; a bare address is a full-length prefix; host bits must be zero.
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;
};

}  // namespace sluice
