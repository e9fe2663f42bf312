#pragma once

#include <bit>
#include <cstdint>

#include "core/flow/five_tuple.h"
#include "core/net/address.h"

namespace sluice {

/// How many leading bits of a client's address count.
struct SourceMask {
  std::uint8_t ipv4_bits = 32;   // 1 to 32
  std::uint8_t ipv6_bits = 128;  // 1 to 128
  friend bool operator==(const SourceMask&, const SourceMask&) = default;
};

/// The two halves of an address as it counts: the other bits are zero. An IPv4 address keeps the
/// bits that tell it from an IPv6 one.
struct MaskedSource {
  std::uint64_t raw_high = 0;
  std::uint64_t raw_low = 0;
  friend bool operator==(const MaskedSource&, const MaskedSource&) = default;
};

[[nodiscard]] inline MaskedSource masked_source(const Address& source, SourceMask mask) {
  static_assert(std::endian::native == std::endian::little);
  const unsigned bits = source.is_ipv4() ? 96U + mask.ipv4_bits : mask.ipv6_bits;
  const auto keep = [](unsigned count) {  // the first bits on the wire
    const std::uint64_t ones = count >= 64 ? ~std::uint64_t{0} : ~(~std::uint64_t{0} >> count);
    return __builtin_bswap64(ones);
  };
  return {source.raw_high() & keep(bits), source.raw_low() & keep(bits > 64 ? bits - 64 : 0)};
}

/// The hash that picks the slot of a client, whatever it connects to: with the same seed the same
/// on every balancer and worker.
[[nodiscard]] inline std::uint64_t hash_source(const MaskedSource& source, std::uint64_t seed) {
  return mix64(mix64(mix64(seed) ^ source.raw_high) ^ source.raw_low);
}

}  // namespace sluice
