#pragma once

#include <cstdint>
#include <span>

#include "core/config/explain.h"
#include "core/config/snapshot.h"

namespace sluice {

/// What the choice for a new flow is explained by.
struct ChoiceQuestion {
  const Snapshot& snapshot;
  const Service& service;                       // has slots
  std::uint64_t flow_hash = 0;                  // of the whole tuple
  std::span<const std::uint64_t> active_flows;  // by BackendId; empty: not known
};

/// Which backend a new flow gets, with the reasons added to `out`; null when nobody takes it, or
/// when that depends on what went before.
[[nodiscard]] const Backend* explain_choice(const ChoiceQuestion& question, Explanation& out);

}  // namespace sluice
