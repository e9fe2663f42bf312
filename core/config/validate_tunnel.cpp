#include "core/config/validate_tunnel.h"

namespace sluice {
namespace {

void check_gue(const ConfigScope& scope, const ServiceConfig& service) {
  if (service.forward == Forward::gue) {
    scope.range<std::uint8_t>("gue_variant", service.gue_variant, 0, 1);
    scope.range<std::uint16_t>("gue_port", service.gue_port.value(), 1, 65'535);
    return;
  }
  const ServiceConfig defaults;
  const auto refuse = [&](std::string_view key) {
    scope.error(key, std::string(key) + " goes with forward = \"gue\" only",
                "leave it out, or use forward = \"gue\"");
  };
  if (service.gue_variant != defaults.gue_variant) refuse("gue_variant");
  if (service.gue_port != defaults.gue_port) refuse("gue_port");
}

}  // namespace

void check_tunnel(const ConfigScope& scope, const ServiceConfig& service) {
  check_gue(scope, service);
}

}  // namespace sluice
