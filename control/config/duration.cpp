#include "control/config/duration.h"

#include <array>

#include "control/config/quantity.h"

namespace sluice::control {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds longest = std::chrono::days(365);

struct Unit {
  std::string_view name;
  milliseconds length;
};
constexpr std::array units{Unit{"h", std::chrono::hours(1)}, Unit{"m", std::chrono::minutes(1)},
                           Unit{"s", std::chrono::seconds(1)}, Unit{"ms", milliseconds(1)}};

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
  const auto quantity = parse_quantity(text);
  if (!quantity) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name != quantity->unit) continue;
    if (quantity->count > static_cast<std::uint64_t>(longest / unit.length)) return std::nullopt;
    return unit.length * static_cast<milliseconds::rep>(quantity->count);
  }
  return std::nullopt;
}

std::string duration_text(milliseconds duration) {
  if (duration.count() == 0) return "0s";
  for (const Unit& unit : units)
    if (duration % unit.length == milliseconds(0))
      return std::to_string(duration / unit.length) + std::string(unit.name);
  return std::to_string(duration.count()) + "ms";
}

}  // namespace sluice::control
