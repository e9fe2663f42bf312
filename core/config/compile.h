#pragma once

#include <expected>
#include <vector>

#include "core/config/config.h"
#include "core/config/paths.h"
#include "core/config/snapshot.h"
#include "core/health/state.h"

namespace sluice {

/// Builds the snapshot, or says everything that is wrong with `config` (the same list as
/// `validate`). Slot tables are a pure function of config and health. `previous` only lends its
/// numbers to the listeners and backends that are still there, and its slot tables where nothing
/// that they depend on has changed; it may be null.
[[nodiscard]] std::expected<Snapshot, std::vector<ConfigError>> compile(const Config& config,
                                                                        const Health& health,
                                                                        const Paths& paths,
                                                                        const Snapshot* previous);

}  // namespace sluice
