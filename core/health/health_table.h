#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/health/state.h"

namespace sluice {

/// Health, for look-up and for finding what has changed: the services in order of name, their
/// backends likewise. Copies share the services that are the same, so a copy costs a pointer a
/// service and so does a comparison. All copies belong to one thread.
class HealthTable {
 public:
  struct Backend {
    std::string name;
    TargetState state = TargetState::unknown;
    std::uint8_t ramp_tenths = ramp_tenths_full;
    friend bool operator==(const Backend&, const Backend&) = default;
  };
  struct Service {
    std::string name;
    std::vector<Backend> backends;
    [[nodiscard]] const Backend* find(std::string_view backend) const;
    friend bool operator==(const Service&, const Service&) = default;
  };

  HealthTable() = default;
  /// Of entries for the same backend the last one counts.
  explicit HealthTable(const Health& health);

  /// Null when nothing is said of any of its backends.
  [[nodiscard]] const Service* of(std::string_view service) const;
  /// Null when nothing is said of it: it is unknown.
  [[nodiscard]] const Backend* find(std::string_view service, std::string_view backend) const;
  void set(const Health::Entry& entry);
  [[nodiscard]] Health whole() const;

  /// The services of which the two do not say the same, in order of name.
  [[nodiscard]] static std::vector<std::string> changed_services(const HealthTable& before,
                                                                 const HealthTable& after);
  /// What to `set` in a copy of `before` to make it say what `after` says. A backend that is not in
  /// `after` becomes unknown.
  [[nodiscard]] static std::vector<Health::Entry> changes(const HealthTable& before,
                                                          const HealthTable& after);
  friend bool operator==(const HealthTable& one, const HealthTable& other) {
    return changed_services(one, other).empty();
  }

 private:
  [[nodiscard]] std::size_t place_of(std::string_view service) const;

  std::vector<std::shared_ptr<Service>> services_;
};

}  // namespace sluice
