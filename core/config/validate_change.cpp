#include "core/config/validate_change.h"

namespace sluice {

void check_change(const ConfigScope& scope, const ServiceConfig& service) {
  using namespace std::chrono_literals;
  if (service.slow_start != 0ms && (service.slow_start < 1s || service.slow_start > 1h))
    scope.error("slow_start", "slow_start is " + std::to_string(service.slow_start.count()) + " ms",
                "write 1s to 1h, or leave it out: new backends take their whole share at once");
  scope.spelling("on_death", service.on_death);
  if (service.on_death == OnDeath::reset && service.protocol != Protocol::tcp)
    scope.error("on_death",
                "on_death = \"reset\" needs connections, and protocol = \"" +
                    std::string(spell(service.protocol)) + "\" has none to reset",
                "leave it out: such flows go to another backend");
}

}  // namespace sluice
