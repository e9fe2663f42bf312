#pragma once

#include <cstdint>
#include <span>

#include "core/balance/slots.h"

namespace sluice {

using MaglevBackend = SlotCandidate;

/// Fills `slot_count` slots (a prime; Eisenbud et al., "Maglev", NSDI 2016, section 3.4) in
/// proportion to the weights. The result depends only on the set of identities and weights: not on
/// their order, numbers or on earlier tables. Empty when no backend has a weight.
[[nodiscard]] SlotTable build_maglev(std::span<const MaglevBackend> backends,
                                     std::uint32_t slot_count);

[[nodiscard]] bool is_prime(std::uint32_t number);

}  // namespace sluice
