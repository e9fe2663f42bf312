#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

// Quantities as people write them on a command line. None is given for anything else: nothing
// around them, nothing negative, nothing that does not fit.

namespace sluice::pktgen {

/// "1000", "64k", "1.5M", "10G": thousands, millions, thousand millions. A fraction of one is
/// refused.
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text);

/// "10" (seconds), "1.5s", "500ms", "2m", "1h"; more than zero, at most `duration_max`.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);
inline constexpr std::chrono::hours duration_max{24};

inline constexpr std::uint32_t ppm_of_all = 1'000'000;
/// "10%", "0.1%", "0": parts of a million, at most all of them.
[[nodiscard]] std::optional<std::uint32_t> parse_share(std::string_view text);

}  // namespace sluice::pktgen
