#include "core/config/follow_health.h"

#include <algorithm>

#include "core/config/fill_slots.h"

namespace sluice {

void set_health(const Service& service, Backends& backends, const ServiceConfig& config,
                const HealthTable& health) {
  const HealthTable::Service* const known = health.of(config.name);
  for (const BackendId id : service.backends) {
    const auto index = static_cast<std::size_t>(id);
    const HealthTable::Backend* const entry =
        known == nullptr ? nullptr : known->find(backends[index].name);
    TargetState state = entry == nullptr ? TargetState::unknown : entry->state;
    if (config.health.type == ProbeType::none) state = TargetState::up;
    const std::uint8_t tenths =
        entry == nullptr ? ramp_tenths_full
                         : std::clamp(entry->ramp_tenths, std::uint8_t{1}, ramp_tenths_full);
    if (backends[index].health == state && backends[index].ramp_tenths == tenths) continue;
    Backend& backend = backends.edit(index);
    backend.health = state;
    backend.ramp_tenths = tenths;
  }
}

Snapshot follow_health(const Snapshot& previous, const HealthTable& health) {
  Snapshot out = previous;
  out.inputs.health = health;
  for (const std::string& name : HealthTable::changed_services(previous.inputs.health, health)) {
    const auto number = out.service_numbers.find(name);
    if (!number) continue;  // it left the configuration, and health has yet to follow
    const ServiceConfig& config = out.config().services[*number];
    Service& service = out.services.edit(*number);
    set_health(service, out.backends, config, health);
    fill_slots(service, out.backends, config, &previous.services[*number]);
  }
  return out;
}

}  // namespace sluice
