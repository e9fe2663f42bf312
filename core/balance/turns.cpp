#include "core/balance/turns.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace sluice {
namespace {

// The n-th of a candidate's `count` turns is due at (2n + 1) / (2 count) of the round: in the
// middle of its n-th equal part (stride scheduling; Waldspurger and Weihl, 1995).
struct Turn {
  std::uint64_t moment = 0;  // 2n + 1
  std::uint64_t count = 0;
  std::uint32_t rank = 0;  // of the candidate, by identity: who goes first when two are due
  std::uint32_t number = 0;

  friend bool operator<(const Turn& a, const Turn& b) {
    const std::uint64_t first = a.moment * b.count;  // both below 2^33 and 2^32
    const std::uint64_t second = b.moment * a.count;
    return first != second ? first < second : a.rank < b.rank;
  }
};

}  // namespace

SlotTable build_turns(std::span<const SlotCandidate> candidates, std::uint32_t turns_max) {
  std::vector<const SlotCandidate*> order;
  std::uint64_t total = 0;
  std::uint32_t divisor = 0;
  for (const SlotCandidate& candidate : candidates) {
    if (candidate.weight == 0) continue;
    order.push_back(&candidate);
    total += candidate.weight;
    divisor = std::gcd(divisor, candidate.weight);
  }
  if (order.empty()) return {};
  std::ranges::sort(order, {}, [](const SlotCandidate* candidate) -> const std::string& {
    return candidate->identity;
  });
  std::vector<Turn> turns;
  for (std::uint32_t rank = 0; rank < order.size(); ++rank) {
    std::uint64_t count = order[rank]->weight / divisor;
    if (total / divisor > turns_max)
      count = std::max<std::uint64_t>(order[rank]->weight * std::uint64_t{turns_max} / total, 1);
    for (std::uint64_t i = 0; i < count; ++i)
      turns.push_back({2 * i + 1, count, rank, order[rank]->number});
  }
  std::sort(turns.begin(), turns.end());
  std::vector<std::uint32_t> owners;
  owners.reserve(turns.size());
  for (const Turn& turn : turns) owners.push_back(turn.number);
  return SlotTable(std::move(owners));
}

}  // namespace sluice
