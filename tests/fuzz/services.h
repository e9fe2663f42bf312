#pragma once

#include <vector>

#include "core/config/snapshot.h"

namespace sluice::test {

constexpr std::uint16_t fuzz_mtu_bytes = 1'500;  // of the path to every backend

/// One snapshot for each kind of service: every way of forwarding between every two families, then
/// what services have besides. New ones go to the end, for inputs name them by their place.
[[nodiscard]] const std::vector<Snapshot>& fuzz_services();

}  // namespace sluice::test
