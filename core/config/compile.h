#pragma once

#include <expected>
#include <vector>

#include "core/config/config.h"
#include "core/config/paths.h"
#include "core/config/snapshot.h"
#include "core/health/state.h"

namespace sluice {

/// Builds the snapshot, or says everything that is wrong with the configuration (the same list as
/// `validate`). Slot tables are a pure function of config and health. `previous` only lends its
/// numbers to the listeners and backends that are still there, and its parts where nothing that
/// they depend on has changed; it may be null. When configuration and paths are the same objects as
/// in `previous`, the time goes with the services whose health has changed.
[[nodiscard]] std::expected<Snapshot, std::vector<ConfigError>> compile(
    const SnapshotInputs& inputs, const Snapshot* previous);

/// The same of copies.
[[nodiscard]] std::expected<Snapshot, std::vector<ConfigError>> compile(const Config& config,
                                                                        const Health& health,
                                                                        const Paths& paths,
                                                                        const Snapshot* previous);

}  // namespace sluice
