#pragma once

#include "core/config/config_scope.h"

namespace sluice {

/// Part of `validate`: what is done to the TCP of a translated service, PROXY protocol and SYN
/// cookies.
void check_nat_tcp(const ConfigScope& scope, const ServiceConfig& service);

}  // namespace sluice
