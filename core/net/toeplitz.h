#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/flow/five_tuple.h"

namespace sluice {

/// The hash by which NICs spread flows over receive queues (Microsoft, "RSS Hashing Types"; the key
/// is the one from its verification suite, which every NIC accepts).
class Toeplitz {
 public:
  static constexpr std::size_t key_bytes = 40;
  static constexpr std::array<std::uint8_t, key_bytes> default_key = {
      0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
      0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
      0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

  explicit Toeplitz(const std::array<std::uint8_t, key_bytes>& key = default_key);

  /// Over addresses and ports of a packet, in the order of the wire.
  [[nodiscard]] std::uint32_t hash(const FiveTuple& tuple) const;

 private:
  static constexpr std::size_t input_bytes_max = 36;  // two IPv6 addresses and two ports
  // What each value of each input byte adds: the hash is linear in its input bits.
  std::array<std::array<std::uint32_t, 256>, input_bytes_max> byte_hash_{};
};

}  // namespace sluice
