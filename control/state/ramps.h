#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "core/config/config.h"
#include "core/health/probe_target.h"
#include "core/health/state.h"

namespace sluice::control {

/// The slow starts of all services with `slow_start`: which backends have begun to take flows of
/// late, and since when. A plain value that does not know what time it is.
class Ramps {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Compares who takes new flows now (up, not drained, with a weight) with who did at the last
  /// call: a newcomer begins at a tenth, whoever stopped is forgotten. `begin` false: newcomers get
  /// their whole share at once, for at the start of this process they are none.
  void follow(const Config& config, const Health& health, Time now, bool begin);

  /// 1 to 10.
  [[nodiscard]] std::uint8_t tenths(const BackendName& name, Time now) const;
  /// When the next backend takes its next step; nothing while none is on its way.
  [[nodiscard]] std::optional<Time> next_step(Time now) const;
  /// Sets every entry's tenths, and adds entries for backends that are not probed. Forgets who has
  /// arrived.
  void write(Health& health, Time now);

 private:
  struct Ramp {
    Time since;
    std::chrono::milliseconds duration{0};
  };
  std::set<BackendName> taking_;  // of services with a slow start
  std::map<BackendName, Ramp> ramps_;
};

}  // namespace sluice::control
