#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tools/pktgen/traffic.h"

namespace sluice::pktgen {

/// One round of sizes, by their number in `sizes`: as many of each as its weight says, spread
/// evenly (smooth weighted round robin).
[[nodiscard]] std::vector<std::uint8_t> schedule_sizes(std::span<const SizeShare> sizes);

}  // namespace sluice::pktgen
