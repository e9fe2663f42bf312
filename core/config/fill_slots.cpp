#include "core/config/fill_slots.h"

#include <algorithm>
#include <string_view>

#include "core/balance/maglev.h"

namespace sluice {
namespace {

// Who may take new flows: those that are up; while there is none, those nobody has heard of; while
// there is none either, all (the panic rule: a wrong verdict on every server is likelier than the
// death of every server).
std::vector<SlotShare> choose_shares(Service& service, std::vector<Backend>& backends) {
  const auto with_state = [&](std::initializer_list<TargetState> states) {
    std::vector<SlotShare> out;
    for (const BackendId id : service.backends) {
      const Backend& backend = backends[static_cast<std::size_t>(id)];
      const bool wanted = std::ranges::find(states, backend.health) != states.end();
      if (wanted && !backend.drained && backend.weight > 0) out.push_back({id, backend.weight});
    }
    return out;
  };
  if (auto up = with_state({TargetState::up}); !up.empty()) return up;
  if (auto unknown = with_state({TargetState::unknown}); !unknown.empty()) return unknown;
  auto all = with_state({TargetState::down});
  service.panic = !all.empty();
  return all;
}

const Service* service_named(const Snapshot* previous, std::string_view name) {
  if (previous == nullptr) return nullptr;
  const auto it = std::ranges::find(previous->services, name, &Service::name);
  return it == previous->services.end() ? nullptr : &*it;
}

}  // namespace

void fill_slots(Service& service, Snapshot& out, const ServiceConfig& config,
                const Snapshot* previous) {
  service.shares = choose_shares(service, out.backends);
  for (const BackendId id : service.backends) {
    Backend& backend = out.backends[static_cast<std::size_t>(id)];
    backend.keeps_flows = backend.health != TargetState::down || service.panic;
  }
  const Service* before = service_named(previous, service.name);
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
