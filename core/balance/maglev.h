#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/balance/slots.h"

namespace sluice {

/// One candidate of a Maglev table.
struct MaglevBackend {
  std::string identity;      // the same on every node and run; decides its permutation
  std::uint32_t weight = 1;  // 0: takes no slot
  std::uint32_t number = 0;  // what the slots hold
};

/// Fills `slot_count` slots (a prime; Eisenbud et al., "Maglev", NSDI 2016, section 3.4) in
/// proportion to the weights. The result depends only on the set of identities and weights: not on
/// their order, numbers or on earlier tables. Empty when no backend has a weight.
[[nodiscard]] SlotTable build_maglev(std::span<const MaglevBackend> backends,
                                     std::uint32_t slot_count);

[[nodiscard]] bool is_prime(std::uint32_t number);

}  // namespace sluice
