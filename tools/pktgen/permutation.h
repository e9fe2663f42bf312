#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace sluice::pktgen {

/// A bijection of the numbers below `size` onto themselves that looks random: walks all flows in an
/// order that no cache can guess, without a list of them. Two rounds of multiplication and shift,
/// each of which can be undone, over the next power of two; a number outside goes round again
/// (cycle walking: less than two times on average).
class Permutation {
 public:
  /// `size`: 1 to 2^40.
  explicit constexpr Permutation(std::uint64_t size)
      : size_(size),
        bits_(std::max(static_cast<int>(std::bit_width(size - 1)), 1)),
        mask_((std::uint64_t{1} << bits_) - 1) {}

  [[nodiscard]] constexpr std::uint64_t size() const { return size_; }

  /// `number` is less than the size, and so is what is given.
  [[nodiscard]] constexpr std::uint64_t operator()(std::uint64_t number) const {
    if (size_ <= 2) return number;
    do {
      number = round(round(number, 0x9e3779b97f4a7c15), 0xd1342543de82ef95);
    } while (number >= size_);
    return number;
  }

 private:
  // A product with an odd number modulo 2^bits is a bijection, and so is the shift and xor.
  [[nodiscard]] constexpr std::uint64_t round(std::uint64_t number, std::uint64_t odd) const {
    number = (number * odd + odd) & mask_;
    return number ^ number >> ((bits_ + 1) / 2);
  }

  std::uint64_t size_;
  int bits_;
  std::uint64_t mask_;
};

}  // namespace sluice::pktgen
