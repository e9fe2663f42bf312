#pragma once

#include "core/config/config_scope.h"

namespace sluice {

/// Part of `validate`: a service's settings for tunnels, which go with the modes that have one.
void check_tunnel(const ConfigScope& scope, const ServiceConfig& service);

}  // namespace sluice
