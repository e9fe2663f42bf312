#pragma once

#include "core/config/config.h"
#include "core/config/snapshot.h"

namespace sluice {

/// Compiles what a client's packets have to pass: access lists and limits per source, of all
/// services and of each. `out` has its services and listeners. A table whose lists have not changed
/// since `previous`, which may be null, is shared with it.
void set_guards(Snapshot& out, const Config& config, const Snapshot* previous);

}  // namespace sluice
