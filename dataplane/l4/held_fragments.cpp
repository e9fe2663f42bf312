#include "dataplane/l4/held_fragments.h"

#include <numeric>

namespace sluice::dataplane {

HeldFragments::HeldFragments() : ripe_{} {
  std::iota(free_.begin(), free_.end(), std::uint16_t{0});
}

std::optional<std::uint16_t> HeldFragments::add(const FragmentKey& key, std::uint64_t now_ns) {
  if (count_ == slots) return std::nullopt;
  const std::uint16_t slot = free_[slots - count_ - 1];
  waiting_[count_++] = {key, now_ns + hold_ns, slot};
  return slot;
}

std::span<const std::uint16_t> HeldFragments::take_ripe(const FragmentTable& table,
                                                        std::uint64_t now_ns) {
  std::size_t ripe = 0;
  std::size_t left = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const Waiting& waiting = waiting_[i];
    if (waiting.until_ns <= now_ns || table.find(waiting.key, now_ns) != nullptr)
      ripe_[ripe++] = waiting.slot;
    else
      waiting_[left++] = waiting;
  }
  for (std::size_t i = 0; i < ripe; ++i) free_[slots - count_ + i] = ripe_[i];
  count_ = left;
  return std::span(ripe_).first(ripe);
}

}  // namespace sluice::dataplane
