#pragma once

#include <cstdint>
#include <span>

#include "core/balance/slots.h"

namespace sluice {

/// A round of weighted round robin: each candidate as often as its weight says, its turns spread
/// evenly over the round. Weights are divided by what divides them all; where the round would still
/// be longer than `turns_max`, they are scaled down, and the lightest keep one turn. Empty when no
/// candidate has a weight.
[[nodiscard]] SlotTable build_turns(std::span<const SlotCandidate> candidates,
                                    std::uint32_t turns_max);

}  // namespace sluice
