#include "core/health/probe_target.h"

namespace sluice {
namespace {

// The probe's own port, else the one that packets to the backend have.
Port probe_port(const ServiceConfig& service, const BackendConfig& backend) {
  if (service.health.port != Port{}) return service.health.port;
  if (backend.port != Port{}) return backend.port;
  return service.ports.empty() ? Port{} : service.ports.front().first;
}

}  // namespace

std::vector<ProbeTarget> probe_targets(const Config& config) {
  std::vector<ProbeTarget> out;
  for (const ServiceConfig& service : config.services) {
    if (service.health.type == ProbeType::none) continue;
    for (const BackendConfig& backend : service.backends)
      out.push_back({.name = {service.name, backend.name},
                     .endpoint = {backend.address, probe_port(service, backend)},
                     .probe = service.health});
  }
  return out;
}

bool same_question(const ProbeTarget& one, const ProbeTarget& other) {
  HealthConfig probe = other.probe;
  probe.interval = one.probe.interval;
  probe.timeout = one.probe.timeout;
  probe.rise = one.probe.rise;
  probe.fall = one.probe.fall;
  return one.name == other.name && one.endpoint == other.endpoint && one.probe == probe;
}

}  // namespace sluice
