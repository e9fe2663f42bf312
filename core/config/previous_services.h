#pragma once

#include <string_view>
#include <unordered_map>

#include "core/config/snapshot.h"

namespace sluice {

/// The services of the snapshot before this one, by name. It outlives this.
class PreviousServices {
 public:
  explicit PreviousServices(const Snapshot* previous) {
    if (previous == nullptr) return;
    by_name_.reserve(previous->services.size());
    for (const Service& service : previous->services) by_name_.emplace(service.name, &service);
  }
  /// Null when there was none.
  [[nodiscard]] const Service* named(std::string_view name) const {
    const auto it = by_name_.find(name);
    return it == by_name_.end() ? nullptr : it->second;
  }

 private:
  std::unordered_map<std::string_view, const Service*> by_name_;
};

}  // namespace sluice
