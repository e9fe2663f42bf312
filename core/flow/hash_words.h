#pragma once

#include <cstdint>

namespace sluice {

namespace detail {
__extension__ using Uint128 = unsigned __int128;  // g++ and clang both have it on x86-64
// One multiplication round of wyhash (Wang Yi, public domain): strong enough for a seeded table,
// not used for slots.
[[nodiscard]] inline std::uint64_t fold_multiply(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<Uint128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
inline constexpr std::uint64_t odd_1 = 0xa0761d6478bd642fULL;
inline constexpr std::uint64_t odd_2 = 0xe7037ed1a0b428dbULL;
[[nodiscard]] inline std::uint64_t hash_words(std::uint64_t a, std::uint64_t seed) {
  return fold_multiply(fold_multiply(a ^ odd_1, seed ^ odd_2), odd_1);
}
[[nodiscard]] inline std::uint64_t hash_words(std::uint64_t a, std::uint64_t b, std::uint64_t c,
                                              std::uint64_t seed) {
  return fold_multiply(fold_multiply(a ^ odd_1, b ^ seed) ^ c, odd_2 ^ seed);
}
}  // namespace detail

}  // namespace sluice
