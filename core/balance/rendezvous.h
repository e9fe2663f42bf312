#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/balance/slots.h"

// Weighted rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit
// rates", 1998; weights by Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005):
// each slot belongs to the candidate of least -ln(hash) / weight, where the hash is of slot and
// identity. A candidate's claim to a slot depends on itself alone, so a change of one moves exactly
// the slots that it gains or loses. Integers throughout: every machine computes the same table.

namespace sluice {

/// A candidate, hashed. Two with one identity are the same.
struct RendezvousClaim {
  std::uint64_t key = 0;
  std::uint64_t multiplier = 0;
  std::uint32_t weight = 0;  // 1 to 65,535
  std::uint32_t number = 0;  // what the slots hold
  friend bool operator==(const RendezvousClaim&, const RendezvousClaim&) = default;
};

/// The claims of those with a weight.
[[nodiscard]] std::vector<RendezvousClaim> make_claims(std::span<const SlotCandidate> candidates);

/// Fills `slot_count` slots. The time is in proportion to slots times claims. Empty when there is
/// no claim.
[[nodiscard]] SlotTable build_rendezvous(std::span<const RendezvousClaim> claims,
                                         std::uint32_t slot_count);

/// The table of claims that have changed: `slots` is what `before` gave. The result is
/// build_rendezvous(after, slots.size()); the time is in proportion to slots times *changed*
/// claims. Numbers must be small: they index a table.
[[nodiscard]] SlotTable update_rendezvous(const SlotTable& slots,
                                          std::span<const RendezvousClaim> before,
                                          std::span<const RendezvousClaim> after);

/// The number of the second-best claim to a slot: who would own it if the owner were not there.
/// Nothing when there are fewer than two.
[[nodiscard]] std::optional<std::uint32_t> runner_up(std::span<const RendezvousClaim> claims,
                                                     std::uint32_t slot);

}  // namespace sluice
