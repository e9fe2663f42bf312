#pragma once

#include "core/config/config.h"
#include "core/config/snapshot.h"
#include "core/health/health_table.h"

// The part of compile that health decides. Used by compile alone.

namespace sluice {

/// Sets what is known of the service's backends. Only pages with a difference are edited.
void set_health(const Service& service, Backends& backends, const ServiceConfig& config,
                const HealthTable& health);

/// `previous` with another health: everything else is shared, and so is what belongs to services
/// whose health is the same.
[[nodiscard]] Snapshot follow_health(const Snapshot& previous, const HealthTable& health);

}  // namespace sluice
