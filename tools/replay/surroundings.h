#pragma once

#include <expected>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/config/paths.h"
#include "core/health/state.h"

// What a live balancer knows of the world beyond its configuration: here from files, or made up.

namespace sluice::replay {

/// Errors as lines for people.
using Complaints = std::vector<std::string>;

/// The operator's configuration file.
[[nodiscard]] std::expected<Config, Complaints> read_config(const std::string& file);

/// A path to each backend: by the first port, on the link itself, MTU 1500, link address
/// 02:00 and the last four bytes of the address, from 192.0.2.1 or 2001:db8::1 with
/// 02:00:00:00:00:01.
[[nodiscard]] Paths made_up_paths(const Config& config);
/// From TOML (control/config/paths_file.h), or from the JSON of `sluicectl --json backends`.
[[nodiscard]] std::expected<Paths, Complaints> read_paths(const std::string& file);

/// All backends up, but for what the JSON of `sluicectl --json backends` says (`file` empty: none),
/// and then for those named "service/backend" in `down`, as far as the configuration has them.
[[nodiscard]] std::expected<Health, Complaints> read_health(const Config& config,
                                                            const std::string& file,
                                                            const std::vector<std::string>& down);
/// Whether the configuration has "service/backend".
[[nodiscard]] bool has_backend(const Config& config, const std::string& name);
/// The same configuration with a health check in every service: one without holds its backends up
/// whatever Health says. Nothing else in a snapshot depends on it.
[[nodiscard]] Config with_checks(Config config);

}  // namespace sluice::replay
