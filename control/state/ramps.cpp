#include "control/state/ramps.h"

#include <algorithm>
#include <utility>

namespace sluice::control {
namespace {

using States = std::map<BackendName, TargetState>;

States states_of(const Health& health) {
  States out;
  for (const Health::Entry& entry : health.entries)
    out[{entry.service, entry.backend}] = entry.state;
  return out;
}

bool takes_flows(const ServiceConfig& service, const BackendConfig& backend, const States& states) {
  if (backend.drain || backend.weight == 0) return false;
  if (service.health.type == ProbeType::none) return true;
  const auto state = states.find({service.name, backend.name});
  return state != states.end() && state->second == TargetState::up;
}

}  // namespace

void Ramps::follow(const Config& config, const Health& health, Time now, bool begin) {
  const auto before = std::exchange(taking_, {});
  auto under_way = std::exchange(ramps_, {});
  const States states = states_of(health);
  for (const ServiceConfig& service : config.services) {
    if (service.slow_start.count() == 0) continue;
    for (const BackendConfig& backend : service.backends) {
      if (!takes_flows(service, backend, states)) continue;
      const BackendName name{service.name, backend.name};
      taking_.insert(name);
      const auto ramp = under_way.find(name);
      if (ramp != under_way.end())
        ramps_[name] = {ramp->second.since, service.slow_start};
      else if (begin && !before.contains(name))
        ramps_[name] = {now, service.slow_start};
    }
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

void Ramps::write(Health& health, Time now) {
  std::erase_if(ramps_,
                [&](const auto& ramp) { return tenths(ramp.first, now) == ramp_tenths_full; });
  std::set<BackendName> left;
  for (const auto& [name, ramp] : ramps_) left.insert(name);
  for (Health::Entry& entry : health.entries) {
    const BackendName name{entry.service, entry.backend};
    entry.ramp_tenths = tenths(name, now);
    left.erase(name);
  }
  for (const BackendName& name : left)
    health.entries.push_back({name.service, name.backend, TargetState::up, tenths(name, now)});
}

}  // namespace sluice::control
