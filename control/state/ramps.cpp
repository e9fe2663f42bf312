#include "control/state/ramps.h"

#include <algorithm>
#include <utility>

namespace sluice::control {
namespace {

bool takes_flows(const ServiceConfig& service, const BackendConfig& backend,
                 const HealthTable::Service* health) {
  if (backend.drain || backend.weight == 0) return false;
  if (service.health.type == ProbeType::none) return true;
  const HealthTable::Backend* const known =
      health == nullptr ? nullptr : health->find(backend.name);
  return known != nullptr && known->state == TargetState::up;
}

// Moves what belongs to a service out of a set or map whose keys are names of backends.
template <typename Container>
Container take_out(Container& from, const std::string& service) {
  Container out;
  auto it = from.lower_bound(BackendName{service, ""});
  const auto name_at = [&]() -> const BackendName& {
    if constexpr (requires { it->first; })
      return it->first;
    else
      return *it;
  };
  while (it != from.end() && name_at().service == service) out.insert(from.extract(it++));
  return out;
}

}  // namespace

void Ramps::follow(const Config& config, const HealthTable& health, Time now, bool begin) {
  const Past past{std::exchange(taking_, {}), std::exchange(ramps_, {})};
  for (const ServiceConfig& service : config.services) follow(service, health, past, begin, now);
}

void Ramps::follow(const ServiceConfig& service, const HealthTable& health, Time now, bool begin) {
  const Past past{take_out(taking_, service.name), take_out(ramps_, service.name)};
  follow(service, health, past, begin, now);
  for (const auto& [name, ramp] : past.ramps)
    if (!ramps_.contains(name)) stopped_.push_back(name);
}

void Ramps::follow(const ServiceConfig& service, const HealthTable& health, const Past& past,
                   bool begin, Time now) {
  if (service.slow_start.count() == 0) return;
  const HealthTable::Service* const known = health.of(service.name);
  for (const BackendConfig& backend : service.backends) {
    if (!takes_flows(service, backend, known)) continue;
    const BackendName name{service.name, backend.name};
    taking_.insert(name);
    const auto ramp = past.ramps.find(name);
    if (ramp != past.ramps.end())
      ramps_[name] = {ramp->second.since, service.slow_start};
    else if (begin && !past.taking.contains(name))
      ramps_[name] = {now, service.slow_start};
  }
}

std::uint8_t Ramps::tenths(const BackendName& name, Time now) const {
  const auto ramp = ramps_.find(name);
  if (ramp == ramps_.end()) return ramp_tenths_full;
  // The first tenth at once, the whole weight when the time is over.
  const auto gone = (now - ramp->second.since) * ramp_tenths_full / ramp->second.duration;
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(gone, 1, ramp_tenths_full));
}

std::optional<Ramps::Time> Ramps::next_step(Time now) const {
  std::optional<Time> out;
  for (const auto& [name, ramp] : ramps_) {
    const std::int64_t step = tenths(name, now) + 1;
    // Of one that has arrived and is not forgotten yet: at once.
    const Time at = step > ramp_tenths_full ? ramp.since + ramp.duration
                                            : ramp.since + ramp.duration * step / ramp_tenths_full;
    out = out ? std::min(*out, at) : at;
  }
  return out;
}

void Ramps::write(HealthTable& health, Time now) {
  for (const auto& [name, ramp] : ramps_) {
    const HealthTable::Backend* const entry = health.find(name.service, name.backend);
    const std::uint8_t now_tenths = tenths(name, now);
    if (entry == nullptr && now_tenths == ramp_tenths_full) continue;
    if (entry != nullptr && entry->ramp_tenths == now_tenths) continue;
    health.set({name.service, name.backend, entry == nullptr ? TargetState::up : entry->state,
                now_tenths});
  }
  for (const BackendName& name : std::exchange(stopped_, {}))
    if (const auto* entry = health.find(name.service, name.backend))
      health.set({name.service, name.backend, entry->state});
  std::erase_if(ramps_,
                [&](const auto& ramp) { return tenths(ramp.first, now) == ramp_tenths_full; });
}

}  // namespace sluice::control
