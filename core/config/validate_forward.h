#pragma once

#include "core/config/config_scope.h"

namespace sluice {

/// Part of `validate`: a service's settings for l3dsr and local, and the sizes of its packets.
void check_forward(const ConfigScope& scope, const ServiceConfig& service);

/// Part of `validate`: what l3dsr and local ask of all services and ports together.
void check_forwards(const ConfigScope& root, const Config& config);

}  // namespace sluice
