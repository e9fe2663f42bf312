#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

// The natural logarithm in integers alone, so that every machine and compiler gets the same bits.

namespace sluice {

namespace detail {

__extension__ using Wide = unsigned __int128;

/// ln(256 / n) for n from 128 to 256, in units of 2^-58: the sum of ln((k + 1) / k) from n to 255,
/// each 2 artanh(1 / (2k + 1)) by its series, in units of 2^-100.
[[nodiscard]] consteval std::array<std::uint64_t, 129> make_logarithms() {
  std::array<std::uint64_t, 129> out{};
  Wide sum = 0;
  for (std::size_t n = 255; n >= 128; --n) {
    const std::size_t base = 2 * n + 1;
    Wide power = (Wide{1} << 101) / base;
    for (std::size_t odd = 1; power != 0; odd += 2, power /= base * base) sum += power / odd;
    out[n - 128] = static_cast<std::uint64_t>(sum >> 42);
  }
  return out;
}
inline constexpr auto logarithms = make_logarithms();

/// 256 / n for n from 129 to 256, in units of 2^-63.
[[nodiscard]] consteval std::array<std::uint64_t, 128> make_reciprocals() {
  std::array<std::uint64_t, 128> out{};
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint64_t>((Wide{1} << 71) / (129 + i));
  return out;
}
inline constexpr auto reciprocals = make_reciprocals();

/// 1 / n for n from 2 to 9, in units of 2^-64: divisions would take most of the time.
[[nodiscard]] consteval std::array<std::uint64_t, 10> make_inverses() {
  std::array<std::uint64_t, 10> out{};
  for (std::size_t n = 2; n < out.size(); ++n) out[n] = ~std::uint64_t{0} / n;
  return out;
}
inline constexpr auto inverses = make_inverses();

[[nodiscard]] constexpr std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::uint64_t>(static_cast<Wide>(a) * b >> 64);
}

}  // namespace detail

/// -ln(value / 2^64) in units of 2^-58; 0 is taken as 1. Between 0 and 44.4.
///
/// The leading zeros are whole factors of 1/2. What is left, in [1/2, 1), is multiplied by a
/// reciprocal from a table to within 1/129 below 1, and there the series x + x^2/2 + x^3/3 ...
/// needs nine terms. Near 1 the reciprocal is 1, so small results are
/// exact to a few units; large ones to one more for each leading zero.
[[nodiscard]] constexpr std::uint64_t negative_log(std::uint64_t value) {
  value |= value == 0 ? 1 : 0;
  const auto halvings = static_cast<unsigned>(std::countl_zero(value));
  const std::uint64_t upper = value << halvings;
  const std::size_t step = upper >> 56 & 127;
  const auto near_one = static_cast<std::uint64_t>(
      static_cast<detail::Wide>(upper) * detail::reciprocals[step] >> 63);
  const std::uint64_t x = 0 - near_one;  // 1 minus it, in units of 2^-64
  std::uint64_t sum = detail::inverses[9];
  for (std::size_t n = 8; n >= 2; --n) sum = detail::inverses[n] + detail::multiply_high(sum, x);
  const std::uint64_t series = x + detail::multiply_high(detail::multiply_high(sum, x), x);
  return halvings * detail::logarithms[0] + detail::logarithms[step + 1] + (series >> 6);
}

}  // namespace sluice
