#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config/config.h"

namespace sluice {

enum class TargetState : std::uint8_t { unknown, up, down };
template <>
struct Spelling<TargetState> {
  static constexpr std::string_view names[] = {"unknown", "up", "down"};
};

/// How far a backend that has just begun to take flows has come, in tenths of its weight. Slot
/// tables follow from it as from everything else here: the control plane counts the time.
inline constexpr std::uint8_t ramp_tenths_full = 10;

/// The health of every backend of every service at one moment. A backend that is not listed is
/// unknown.
struct Health {
  struct Entry {
    std::string service;
    std::string backend;
    TargetState state = TargetState::unknown;
    std::uint8_t ramp_tenths = ramp_tenths_full;  // 1 to 10

    template <typename Self, typename Visitor>
    static void fields(Self& self, Visitor&& visit) {
      visit("service", self.service);
      visit("backend", self.backend);
      visit("state", self.state);
      visit("ramp_tenths", self.ramp_tenths);
    }
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  std::vector<Entry> entries;

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("entries", self.entries);
  }
  friend bool operator==(const Health&, const Health&) = default;
};

/// The state of one target after each probe. From `unknown` the first success
/// brings it up at once; otherwise `rise` successes in a row bring it up and `fall` failures in a
/// row take it down.
class TargetHealth {
 public:
  TargetHealth(std::uint16_t rise, std::uint16_t fall) : rise_(rise), fall_(fall) {}
  /// Takes the outcome of one probe; true when the state changed.
  bool observe(bool success);
  [[nodiscard]] TargetState state() const { return state_; }
  /// Results in a row that are on the way to a flip but have not reached it.
  [[nodiscard]] std::uint16_t streak() const { return streak_; }
  /// New thresholds count from here; the state is kept.
  void set_thresholds(std::uint16_t rise, std::uint16_t fall);

 private:
  std::uint16_t rise_;
  std::uint16_t fall_;
  std::uint16_t streak_ = 0;
  bool streak_success_ = false;
  TargetState state_ = TargetState::unknown;
};

}  // namespace sluice
