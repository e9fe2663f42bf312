#include "core/config/fill_slots.h"

#include "core/balance/maglev.h"
#include "core/balance/rendezvous.h"
#include "core/balance/turns.h"
#include "core/config/choose_shares.h"

namespace sluice {
namespace {

// A round of weighted round robin is no longer: 256 KiB.
constexpr std::uint32_t turns_of_round_max = 65'536;

// The slots of the service, from those before where only some backends have changed.
void fill_rendezvous(Service& service, std::span<const SlotCandidate> candidates,
                     std::uint32_t slot_count, const Service* before) {
  auto claims = std::make_shared<const std::vector<RendezvousClaim>>(make_claims(candidates));
  const bool is_update = before != nullptr && before->choosing.claims != nullptr &&
                         before->slots->size() == slot_count;
  service.slots = std::make_shared<const SlotTable>(
      is_update ? update_rendezvous(*before->slots, *before->choosing.claims, *claims)
                : build_rendezvous(*claims, slot_count));
  service.choosing.claims = std::move(claims);
}

void fill(Service& service, std::span<const SlotCandidate> candidates, std::uint32_t slot_count,
          const Service* before) {
  if (service.choosing.balance == Balance::rendezvous)
    return fill_rendezvous(service, candidates, slot_count, before);
  service.slots = std::make_shared<const SlotTable>(build_maglev(candidates, slot_count));
  if (service.choosing.balance == Balance::weighted_round_robin)
    service.choosing.turns =
        std::make_shared<const SlotTable>(build_turns(candidates, turns_of_round_max));
}

}  // namespace

void fill_slots(Service& service, Backends& backends, const ServiceConfig& config,
                const Service* before) {
  service.shares = choose_shares(service, backends);
  for (const BackendId id : service.backends) {
    const auto index = static_cast<std::size_t>(id);
    const bool keeps_flows =
        (backends[index].health != TargetState::down || service.panic) && !config.one_packet;
    if (backends[index].keeps_flows != keeps_flows) backends.edit(index).keeps_flows = keeps_flows;
  }
  service.choosing = choosing_of(config);
  if (before != nullptr && before->shares == service.shares &&
      before->choosing.balance == config.balance &&
      (before->slots->size() == config.slots || service.shares.empty())) {
    service.slots = before->slots;
    service.choosing.turns = before->choosing.turns;
    service.choosing.claims = before->choosing.claims;
    return;
  }
  std::vector<SlotCandidate> candidates;
  for (const SlotShare& share : service.shares)
    candidates.push_back({backends[static_cast<std::size_t>(share.backend)].name, share.weight,
                          static_cast<std::uint32_t>(share.backend)});
  fill(service, candidates, config.slots, before);
}

}  // namespace sluice
