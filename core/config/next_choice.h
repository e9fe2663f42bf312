#pragma once

#include <cstddef>
#include <cstdint>

#include "core/config/snapshot.h"

namespace sluice {

/// Slots that are tried after a full one before every backend is asked.
inline constexpr std::uint32_t next_slots_max = 64;

/// Who takes a flow when the owner of its slot is full: the runner-up where the slots are by
/// rendezvous, the owners of the next slots, and at last whoever is not full; null when nobody is.
/// For packet path and explain alike. `is_full` takes a Backend; the service has slots.
template <typename IsFull>
[[nodiscard]] const Backend* next_choice(const Snapshot& snapshot, const Service& service,
                                         std::uint32_t slot, IsFull&& is_full) {
  const auto usable = [&](BackendId id) -> const Backend* {
    const Backend& backend = snapshot.backend(id);
    return is_full(backend) ? nullptr : &backend;
  };
  if (service.choosing.claims != nullptr) {
    if (const auto second = runner_up(*service.choosing.claims, slot))
      if (const Backend* backend = usable(BackendId{*second})) return backend;
  }
  const SlotTable& slots = *service.slots;
  for (std::uint32_t i = 1; i <= next_slots_max; ++i)
    if (const Backend* backend = usable(BackendId{slots.owner((slot + i) % slots.size())}))
      return backend;
  for (std::size_t i = 0; i < service.shares.size(); ++i) {
    const std::size_t share = (slot + i) % service.shares.size();
    if (const Backend* backend = usable(service.shares[share].backend)) return backend;
  }
  return nullptr;
}

}  // namespace sluice
