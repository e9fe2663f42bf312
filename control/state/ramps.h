#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/config/config.h"
#include "core/health/health_table.h"
#include "core/health/probe_target.h"

namespace sluice::control {

/// The slow starts of all services with `slow_start`: which backends have begun to take flows of
/// late, and since when. A plain value that does not know what time it is.
class Ramps {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Compares who takes new flows now (up, not drained, with a weight) with who did at the last
  /// call: a newcomer begins at a tenth, whoever stopped is forgotten. `begin` false: newcomers get
  /// their whole share at once, for at the start of this process they are none.
  void follow(const Config& config, const HealthTable& health, Time now, bool begin);
  /// The same of one service alone.
  void follow(const ServiceConfig& service, const HealthTable& health, Time now, bool begin);

  /// 1 to 10.
  [[nodiscard]] std::uint8_t tenths(const BackendName& name, Time now) const;
  /// When the next backend takes its next step; nothing while none is on its way.
  [[nodiscard]] std::optional<Time> next_step(Time now) const;
  /// Sets the tenths of all that are on their way or were at the last call, and adds entries for
  /// those that are not probed. Forgets who has arrived.
  void write(HealthTable& health, Time now);

 private:
  struct Ramp {
    Time since;
    std::chrono::milliseconds duration{0};
  };
  struct Past {
    std::set<BackendName> taking;
    std::map<BackendName, Ramp> ramps;
  };
  void follow(const ServiceConfig& service, const HealthTable& health, const Past& past, bool begin,
              Time now);
  std::set<BackendName> taking_;  // of services with a slow start
  std::map<BackendName, Ramp> ramps_;
  std::vector<BackendName> stopped_;  // were on their way at the last `write`
};

}  // namespace sluice::control
