#include "tools/pktgen/order_check.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace sluice::pktgen {
namespace {
constexpr std::size_t word_bits = 64;
}

SequenceWindow::SequenceWindow(std::size_t packets)
    : bits_(packets / word_bits), mask_(packets - 1) {
  assert(std::has_single_bit(packets) && packets >= word_bits);
}

void SequenceWindow::begin(std::uint64_t sequence) {
  std::ranges::fill(bits_, 0);
  has_begun_ = true;
  first_ = next_ = last_ = sequence;
}

bool SequenceWindow::test_and_set(std::uint64_t sequence) {
  std::uint64_t& word = bits_[(sequence & mask_) / word_bits];
  const std::uint64_t bit = std::uint64_t{1} << (sequence % word_bits);
  const bool was_set = (word & bit) != 0;
  word |= bit;
  return was_set;
}

void SequenceWindow::forget(std::uint64_t from, std::uint64_t count) {
  if (count > mask_) {
    std::ranges::fill(bits_, 0);
    return;
  }
  while (count > 0) {
    const std::uint64_t offset = from % word_bits;
    const std::uint64_t taken = std::min(count, word_bits - offset);
    const std::uint64_t ones =
        taken == word_bits ? ~std::uint64_t{0} : (std::uint64_t{1} << taken) - 1;
    bits_[(from & mask_) / word_bits] &= ~(ones << offset);
    from += taken;
    count -= taken;
  }
}

Arrival SequenceWindow::take(std::uint32_t sequence) {
  if (!has_begun_) begin(sequence);
  // The whole number is the one nearest to what is expected.
  const auto ahead = static_cast<std::int32_t>(sequence - static_cast<std::uint32_t>(next_));
  if (ahead >= 0) {
    last_ = next_ + static_cast<std::uint32_t>(ahead);
    forget(next_, static_cast<std::uint32_t>(ahead));
    (void)test_and_set(last_);
    next_ = last_ + 1;
    return Arrival::in_order;
  }
  const std::uint64_t behind = std::uint64_t{0} - static_cast<std::uint64_t>(std::int64_t{ahead});
  if (behind > next_ - first_ || behind > mask_ + 1) return Arrival::stale;
  last_ = next_ - behind;
  return test_and_set(last_) ? Arrival::duplicate : Arrival::out_of_order;
}

}  // namespace sluice::pktgen
