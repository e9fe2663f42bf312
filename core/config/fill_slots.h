#pragma once

#include "core/config/config.h"
#include "core/config/snapshot.h"

namespace sluice {

/// Decides which of the service's backends take new flows and which keep theirs, and builds the
/// slots, or takes over those of `before`, the service of this name in the snapshot before (null:
/// none), when nothing that they depend on has changed. The backends' health is already set.
void fill_slots(Service& service, Backends& backends, const ServiceConfig& config,
                const Service* before);

}  // namespace sluice
