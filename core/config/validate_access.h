#pragma once

#include "core/config/config_scope.h"

namespace sluice {

/// The access lists of the whole configuration and of its services, and the limits per source.
void check_access(const ConfigScope& root, const Config& config);

}  // namespace sluice
