#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace sluice {

static_assert(std::endian::native == std::endian::little, "Sluice is built for x86-64");

/// A 16-bit integer in network byte order, alignment 1. Converted by name only.
struct Be16 {
  std::array<std::uint8_t, 2> bytes{};

  [[nodiscard]] static constexpr Be16 from_host(std::uint16_t value) {
    return {{static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)}};
  }
  [[nodiscard]] constexpr std::uint16_t host() const {
    return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
  }
  /// The two bytes as this machine loads them: for sums, hashes and comparisons, not for
  /// arithmetic.
  [[nodiscard]] constexpr std::uint16_t raw() const { return std::bit_cast<std::uint16_t>(bytes); }
  [[nodiscard]] static constexpr Be16 from_raw(std::uint16_t raw) {
    return {std::bit_cast<std::array<std::uint8_t, 2>>(raw)};
  }
  // Of two arrays of bytes the compiler would make a call of memcmp.
  friend constexpr bool operator==(Be16 a, Be16 b) { return a.raw() == b.raw(); }
};

/// A 32-bit integer in network byte order, alignment 1. Converted by name only.
struct Be32 {
  std::array<std::uint8_t, 4> bytes{};

  [[nodiscard]] static constexpr Be32 from_host(std::uint32_t value) {
    return {{static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
             static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)}};
  }
  [[nodiscard]] constexpr std::uint32_t host() const {
    return static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
           static_cast<std::uint32_t>(bytes[2]) << 8 | static_cast<std::uint32_t>(bytes[3]);
  }
  /// The four bytes as this machine loads them: for sums, hashes and comparisons, not for
  /// arithmetic.
  [[nodiscard]] constexpr std::uint32_t raw() const { return std::bit_cast<std::uint32_t>(bytes); }
  [[nodiscard]] static constexpr Be32 from_raw(std::uint32_t raw) {
    return {std::bit_cast<std::array<std::uint8_t, 4>>(raw)};
  }
  friend constexpr bool operator==(Be32 a, Be32 b) { return a.raw() == b.raw(); }
};

static_assert(sizeof(Be16) == 2 && alignof(Be16) == 1);
static_assert(sizeof(Be32) == 4 && alignof(Be32) == 1);

/// Reads a trivially copyable value from memory of any alignment.
template <typename T>
[[nodiscard]] inline T load_unaligned(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace sluice
