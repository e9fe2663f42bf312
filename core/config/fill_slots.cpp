#include "core/config/fill_slots.h"

#include "core/balance/maglev.h"
#include "core/config/choose_shares.h"

namespace sluice {

void fill_slots(Service& service, Snapshot& out, const ServiceConfig& config,
                const Service* before) {
  service.shares = choose_shares(service, out.backends);
  for (const BackendId id : service.backends) {
    Backend& backend = out.backends[static_cast<std::size_t>(id)];
    backend.keeps_flows = backend.health != TargetState::down || service.panic;
  }
  if (before != nullptr && before->shares == service.shares &&
      (before->slots->size() == config.slots || service.shares.empty())) {
    service.slots = before->slots;
    return;
  }
  std::vector<MaglevBackend> candidates;
  for (const SlotShare& share : service.shares)
    candidates.push_back(
        {out.backend(share.backend).name, share.weight, static_cast<std::uint32_t>(share.backend)});
  service.slots = std::make_shared<const SlotTable>(build_maglev(candidates, config.slots));
}

}  // namespace sluice
