#pragma once

#include "core/config/config_scope.h"

namespace sluice {

/// Part of `validate`: how a service takes it that backends come and go.
void check_change(const ConfigScope& scope, const ServiceConfig& service);

}  // namespace sluice
