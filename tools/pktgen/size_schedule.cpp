#include "tools/pktgen/size_schedule.h"

#include <algorithm>

namespace sluice::pktgen {

std::vector<std::uint8_t> schedule_sizes(std::span<const SizeShare> sizes) {
  std::int32_t total = 0;
  for (const SizeShare& size : sizes) total += size.weight;
  std::vector<std::int32_t> credit(sizes.size());
  std::vector<std::uint8_t> out;
  for (std::int32_t turn = 0; turn < total; ++turn) {
    for (std::size_t i = 0; i < sizes.size(); ++i) credit[i] += sizes[i].weight;
    const auto richest = std::ranges::max_element(credit);
    *richest -= total;
    out.push_back(static_cast<std::uint8_t>(richest - credit.begin()));
  }
  return out;
}

}  // namespace sluice::pktgen
