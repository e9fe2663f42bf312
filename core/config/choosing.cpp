#include "core/config/choosing.h"

#include <algorithm>

#include "core/balance/identity.h"

namespace sluice {

Choosing choosing_of(const ServiceConfig& service) {
  Choosing out;
  out.balance = service.balance;
  out.affinity_seconds = static_cast<std::uint32_t>(
      std::chrono::ceil<std::chrono::seconds>(service.affinity.timeout).count());
  out.by_source = service.hash == HashOf::source || out.affinity_seconds > 0;
  if (out.affinity_seconds > 0) out.mask = {service.affinity.netmask4, service.affinity.netmask6};
  out.has_limits = std::ranges::any_of(
      service.backends, [](const BackendConfig& backend) { return backend.max_connections > 0; });
  out.one_packet = service.one_packet;
  out.service_hash = static_cast<std::uint32_t>(hash_identity(service.name, 5) >> 32);
  out.is_plain = !out.by_source && !out.one_packet && !out.depends_on_state();
  return out;
}

}  // namespace sluice
