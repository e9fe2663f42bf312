#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "bpf/maps.h"
#include "core/config/listening.h"

namespace sluice::bpf {

using PrefixBytes = std::array<std::uint8_t, sizeof(steer_prefix_key)>;
using PrefixRuleBytes = std::array<std::uint8_t, sizeof(steer_prefix)>;

/// The steering program's rule of each prefix that any of these listens on. Ranges that meet become
/// one. A prefix with more of them than a rule has room for gets all ports of its protocols: the
/// data plane then drops, as no listener's, what the kernel would have had.
[[nodiscard]] std::map<PrefixBytes, PrefixRuleBytes> prefix_rules_of(
    const std::vector<Listening>& wide);

}  // namespace sluice::bpf
