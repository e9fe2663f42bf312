#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/contract/shared_view.h"

namespace sluice::control {

/// From this much on a table of the data plane is called full: time to act, not yet too late.
inline constexpr unsigned alarm_percent = 80;
/// An alarm ends below this, so that it does not come and go with every flow.
inline constexpr unsigned calm_percent = 70;

/// How full one kind of table is. Every worker has its own, and the fullest counts: `used`, `size`
/// and `percent` are of that worker's.
struct TableUse {
  std::string_view name;  // "flows4"
  std::string_view what;  // "flows of IPv4 clients"
  std::string_view remedy;
  std::uint32_t worker = 0;
  std::uint64_t used = 0;
  std::uint64_t used_max = 0;  // the most that any worker's table ever had
  std::uint64_t size = 0;
  [[nodiscard]] unsigned percent() const {
    return size == 0 ? 0 : static_cast<unsigned>(used * 100 / size);
  }
  [[nodiscard]] bool is_alarm() const { return percent() >= alarm_percent; }
};

/// All kinds, in order.
[[nodiscard]] std::array<TableUse, table_kind_count> table_use(const CountersView& counters);

/// Notices when a table gets full and when it has room again.
class TableAlarms {
 public:
  /// What to tell people about, a line each; nothing as long as nothing crosses a level.
  [[nodiscard]] std::vector<std::string> update(const CountersView& counters);

 private:
  std::array<bool, table_kind_count> alarmed_{};
};

}  // namespace sluice::control
