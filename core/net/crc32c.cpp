#include "core/net/crc32c.h"

#include <array>

namespace sluice {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;  // reflected: the highest power is bit 0

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> out{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit)
      remainder = remainder >> 1 ^ ((remainder & 1) != 0 ? polynomial : 0);
    out[byte] = remainder;
  }
  return out;
}
constexpr auto table = make_table();

// The product of two polynomials modulo ours; bit 31 is x^0.
constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t bit = 1U << 31; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = b >> 1 ^ ((b & 1) != 0 ? polynomial : 0);
  }
  return product;
}

// x^(8 * 2^k), by k: how a remainder moves on over 2^k zero bytes. Enough for any IP packet.
constexpr std::array<std::uint32_t, 17> make_powers() {
  std::array<std::uint32_t, 17> out{};
  out[0] = 1U << 23;  // x^8
  for (std::size_t k = 1; k < out.size(); ++k) out[k] = multiply(out[k - 1], out[k - 1]);
  return out;
}
constexpr auto powers = make_powers();

}  // namespace

std::uint32_t crc32c(std::span<const std::uint8_t> bytes) {
  std::uint32_t remainder = 0xffffffff;
  for (const std::uint8_t byte : bytes)
    remainder = table[(remainder ^ byte) & 0xff] ^ remainder >> 8;
  return ~remainder;
}

std::uint32_t crc32c_change(std::uint32_t difference, std::size_t bytes_behind) {
  std::uint32_t remainder = difference;
  for (int byte = 0; byte < 4; ++byte) remainder = table[remainder & 0xff] ^ remainder >> 8;
  for (std::size_t k = 0; k < powers.size(); ++k)
    if ((bytes_behind >> k & 1) != 0) remainder = multiply(powers[k], remainder);
  return remainder;
}

}  // namespace sluice
