#pragma once

#include <vector>

#include "core/config/config.h"

namespace sluice::control {

/// The ports whose driver shares an interface with the kernel, and which name one that this host
/// (this network namespace) does not have.
[[nodiscard]] std::vector<ConfigError> missing_interfaces(const Config& config);

}  // namespace sluice::control
