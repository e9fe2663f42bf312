#pragma once

#include "core/config/config_scope.h"

namespace sluice {

/// Part of `validate`: a service's QUIC-LB configurations and its backends' server IDs.
void check_quic(const ConfigScope& scope, const ServiceConfig& service);

}  // namespace sluice
