#pragma once

#include "core/config/config.h"
#include "core/config/config_scope.h"

namespace sluice {

/// What is wrong with how the service chooses a backend: policy, slots, affinity, limits.
void check_choosing(const ConfigScope& scope, const ServiceConfig& service);

}  // namespace sluice
