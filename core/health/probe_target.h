#pragma once

#include <compare>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/net/address.h"

namespace sluice {

/// A backend by the operator's names.
struct BackendName {
  std::string service;
  std::string backend;
  friend auto operator<=>(const BackendName&, const BackendName&) = default;
};

/// What is probed, where and how.
struct ProbeTarget {
  BackendName name;
  Endpoint endpoint;
  HealthConfig probe;
  friend bool operator==(const ProbeTarget&, const ProbeTarget&) = default;
};

/// Every backend of every service whose health is probed, in order of configuration.
[[nodiscard]] std::vector<ProbeTarget> probe_targets(const Config& config);

/// Whether both ask the same question of the same server, perhaps at other times or with other
/// thresholds: then what is known of one holds for the other.
[[nodiscard]] bool same_question(const ProbeTarget& one, const ProbeTarget& other);

}  // namespace sluice
