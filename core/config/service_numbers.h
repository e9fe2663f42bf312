#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "core/config/config.h"

namespace sluice {

/// The places of a configuration's services, by name. Copies share the table.
class ServiceNumbers {
 public:
  ServiceNumbers() = default;
  explicit ServiceNumbers(std::shared_ptr<const Config> config) {
    Table table;
    table.reserve(config->services.size());
    for (std::uint32_t i = 0; i < config->services.size(); ++i)
      table.emplace(config->services[i].name, i);
    table_ = std::make_shared<const Table>(std::move(table));
    config_ = std::move(config);
  }
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const {
    if (table_ == nullptr) return std::nullopt;
    const auto it = table_->find(name);
    return it == table_->end() ? std::nullopt : std::optional(it->second);
  }

 private:
  using Table = std::unordered_map<std::string_view, std::uint32_t>;
  std::shared_ptr<const Config> config_;  // whose text the keys are
  std::shared_ptr<const Table> table_;
};

}  // namespace sluice
