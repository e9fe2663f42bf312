#pragma once

#include "core/config/config.h"
#include "core/config/config_scope.h"

namespace sluice {

/// All slot tables together are no larger than 4 GiB in each process: as many as fit the largest
/// number of services with tables of the default size.
inline constexpr std::size_t slots_of_all_max = std::size_t{1} << 30;

/// What is wrong with how the service chooses a backend: policy, slots, affinity, limits.
void check_choosing(const ConfigScope& scope, const ServiceConfig& service);

}  // namespace sluice
