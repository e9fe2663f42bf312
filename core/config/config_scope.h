#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/config.h"

namespace sluice {

/// "vip[1]"
[[nodiscard]] inline std::string indexed(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

/// Collects errors under a path; `at("vip[1]")` makes the path of something inside.
class ConfigScope {
 public:
  ConfigScope(std::vector<ConfigError>& errors, std::string path)
      : errors_(errors), path_(std::move(path)) {}
  void error(std::string_view key, std::string what, std::string remedy) const {
    errors_.push_back({key.empty() ? path_ : inner(key), std::move(what), std::move(remedy)});
  }
  template <typename Number>
  void range(std::string_view key, Number value, Number low, Number high) const {
    if (value >= low && value <= high) return;
    error(key, std::string(key) + " is " + std::to_string(value),
          "write a number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  template <typename Enum>
  void spelling(std::string_view key, Enum value) const {
    if (spelling_index(value) < std::size(Spelling<Enum>::names)) return;
    error(key, std::string(key) + " is no known value", "upgrade both processes together");
  }
  [[nodiscard]] std::string inner(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }
  [[nodiscard]] ConfigScope at(std::string_view key) const { return {errors_, inner(key)}; }

 private:
  std::vector<ConfigError>& errors_;
  std::string path_;
};

}  // namespace sluice
