#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::control {

/// "500ms", "1s", "15 m" or "8h": a whole number and its unit, at most 365 days. Nothing else
/// around it.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The same in the largest unit that needs no fraction: "90s", "15m", "1500ms"; "0s".
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);

}  // namespace sluice::control
