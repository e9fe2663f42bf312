#include "core/config/choose_shares.h"

#include <algorithm>

namespace sluice {
namespace {

const Backend& backend_at(const Backends& backends, BackendId id) {
  return backends[static_cast<std::size_t>(id)];
}

std::vector<SlotShare> with_state(const Service& service, const Backends& backends,
                                  TargetState state) {
  std::vector<SlotShare> out;
  for (const BackendId id : service.backends) {
    const Backend& backend = backend_at(backends, id);
    if (backend.health == state && !backend.drained && backend.weight > 0)
      out.push_back({id, backend.weight});
  }
  return out;
}

// Weights as they are while nobody starts slowly, so that tables stay as they are, too: 10,000 at
// most otherwise.
void scale_by_ramps(std::vector<SlotShare>& shares, const Backends& backends) {
  const auto tenths_of = [&](const SlotShare& share) {
    return backend_at(backends, share.backend).ramp_tenths;
  };
  if (std::ranges::all_of(
          shares, [](std::uint8_t tenths) { return tenths == ramp_tenths_full; }, tenths_of))
    return;
  for (SlotShare& share : shares)
    share.weight = static_cast<std::uint16_t>(share.weight * tenths_of(share));
}

}  // namespace

std::vector<SlotShare> choose_shares(Service& service, const Backends& backends) {
  for (const TargetState state : {TargetState::up, TargetState::unknown, TargetState::down}) {
    std::vector<SlotShare> shares = with_state(service, backends, state);
    if (shares.empty()) continue;
    service.panic = state == TargetState::down;
    scale_by_ramps(shares, backends);
    return shares;
  }
  service.panic = false;
  return {};
}

}  // namespace sluice
