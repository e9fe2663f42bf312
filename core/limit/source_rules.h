#pragma once

#include <algorithm>
#include <cstdint>

namespace sluice {

/// How often something may happen, as the time that each costs and the time that may be spent at
/// once. A cost of zero: as often as it likes.
struct Rate {
  std::uint64_t cost_ns = 0;
  std::uint64_t burst_ns = 0;

  /// `per_second` 0: no limit. `burst` 0: as many at once as in a second.
  [[nodiscard]] static constexpr Rate of(std::uint32_t per_second, std::uint32_t burst) {
    if (per_second == 0) return {};
    const std::uint64_t cost_ns = 1'000'000'000 / per_second;
    return {cost_ns, cost_ns * std::max<std::uint64_t>(burst == 0 ? per_second : burst, 1)};
  }
  [[nodiscard]] constexpr bool is_limited() const { return cost_ns != 0; }

  /// A token bucket in one number (the generic cell rate algorithm, ITU-T I.371 annex A):
  /// `full_at_ns` is when the bucket will be full again; zero is a full one. Time is an argument:
  /// nanoseconds of any clock that does not run backwards.
  [[nodiscard]] constexpr bool may_take(std::uint64_t full_at_ns, std::uint64_t now_ns) const {
    return std::max(full_at_ns, now_ns) + cost_ns <= now_ns + burst_ns;
  }
  constexpr void take(std::uint64_t& full_at_ns, std::uint64_t now_ns) const {
    full_at_ns = std::max(full_at_ns, now_ns) + cost_ns;
  }
};

/// What one source may do to one service; see core/limit/source_table.h.
struct SourceRules {
  Rate packets;
  Rate connections;
  std::uint32_t connections_max = 0;  // open at once; 0: no limit
  std::uint8_t netmask6 = 64;         // IPv6 clients with these bits in common are one source
  std::uint64_t key = 0;              // the service's, from its name

  [[nodiscard]] constexpr bool limit_connections() const {
    return connections.is_limited() || connections_max != 0;
  }
  [[nodiscard]] constexpr bool limit_anything() const {
    return packets.is_limited() || limit_connections();
  }
};

}  // namespace sluice
