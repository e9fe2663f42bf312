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
  /// "192.0.2.0/24"; a bare address is a full-length prefix; host bits must be zero.
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;
};

}  // namespace sluice
