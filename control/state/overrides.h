#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/config/config.h"
#include "core/health/probe_target.h"
#include "core/result.h"

namespace sluice::control {

/// What the operator changed by hand on top of the configuration file.
struct Override {
  std::optional<bool> drain;
  std::optional<std::uint16_t> weight;
  friend bool operator==(const Override&, const Override&) = default;
};
using Overrides = std::map<BackendName, Override>;

/// The configuration with the overrides of those backends that it has.
[[nodiscard]] Config with_overrides(Config config, const Overrides& overrides);
/// Only the overrides of backends that the configuration has.
[[nodiscard]] Overrides without_gone(const Overrides& overrides, const Config& config);
/// Why a change cannot be made to this configuration: no such service or backend (it names those
/// that there are), or no such weight.
[[nodiscard]] std::expected<void, Error> check_override(const BackendName& name,
                                                        const Override& change,
                                                        const Config& config);

/// overrides.json: [{"service": "web", "backend": "web1", "drain": true, "weight": 5}].
[[nodiscard]] std::string overrides_text(const Overrides& overrides);
/// What overrides_text wrote, or nothing when it is anything else.
[[nodiscard]] std::optional<Overrides> parse_overrides(std::string_view text);

}  // namespace sluice::control
