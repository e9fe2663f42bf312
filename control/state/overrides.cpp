#include "control/state/overrides.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>
#include <utility>

namespace sluice::control {
namespace {

constexpr std::uint16_t weight_max = 1'000;

template <typename List>
std::string names_of(const List& list) {
  std::string out;
  for (const auto& element : list) out += (out.empty() ? "" : ", ") + element.name;
  return out;
}

template <typename List>
auto find_name(List& list, std::string_view name) {
  return std::ranges::find_if(list, [name](const auto& element) { return element.name == name; });
}

std::optional<std::pair<BackendName, Override>> parse_override(const nlohmann::json& entry) {
  if (!entry.is_object() || !entry.contains("service") || !entry["service"].is_string() ||
      !entry.contains("backend") || !entry["backend"].is_string())
    return std::nullopt;
  std::pair<BackendName, Override> out;
  out.first = {entry["service"].get<std::string>(), entry["backend"].get<std::string>()};
  if (entry.contains("drain")) {
    if (!entry["drain"].is_boolean()) return std::nullopt;
    out.second.drain = entry["drain"].get<bool>();
  }
  if (entry.contains("weight")) {
    if (!entry["weight"].is_number_unsigned()) return std::nullopt;
    const auto weight = entry["weight"].get<std::uint64_t>();
    if (weight > weight_max) return std::nullopt;
    out.second.weight = static_cast<std::uint16_t>(weight);
  }
  return out;
}

}  // namespace

Config with_overrides(Config config, const Overrides& overrides) {
  if (overrides.empty()) return config;
  for (ServiceConfig& service : config.services) {
    for (BackendConfig& backend : service.backends) {
      const auto found = overrides.find({service.name, backend.name});
      if (found == overrides.end()) continue;
      backend.drain = found->second.drain.value_or(backend.drain);
      backend.weight = found->second.weight.value_or(backend.weight);
    }
  }
  return config;
}

Overrides without_gone(const Overrides& overrides, const Config& config) {
  Overrides out;
  for (const ServiceConfig& service : config.services)
    for (const BackendConfig& backend : service.backends)
      if (const auto found = overrides.find({service.name, backend.name}); found != overrides.end())
        out.insert(*found);
  return out;
}

std::expected<void, Error> check_override(const BackendName& name, const Override& change,
                                          const Config& config) {
  const auto service = find_name(config.services, name.service);
  if (service == config.services.end())
    return std::unexpected(Error{"there is no service \"" + name.service + "\"", "",
                                 "write one of " + names_of(config.services)});
  if (find_name(service->backends, name.backend) == service->backends.end())
    return std::unexpected(
        Error{"service \"" + name.service + "\" has no backend \"" + name.backend + "\"", "",
              "write one of " + names_of(service->backends)});
  if (change.weight.value_or(0) > weight_max)
    return std::unexpected(Error{"weight is " + std::to_string(*change.weight),
                                 "backend " + name.service + "/" + name.backend,
                                 "write a number from 0 to " + std::to_string(weight_max)});
  return {};
}

std::string overrides_text(const Overrides& overrides) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& [name, change] : overrides) {
    nlohmann::ordered_json entry{{"service", name.service}, {"backend", name.backend}};
    if (change.drain) entry["drain"] = *change.drain;
    if (change.weight) entry["weight"] = *change.weight;
    list.push_back(std::move(entry));
  }
  return list.dump(2) + "\n";
}

std::optional<Overrides> parse_overrides(std::string_view text) {
  const auto list = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return std::nullopt;
  Overrides out;
  for (const auto& entry : list) {
    auto parsed = parse_override(entry);
    if (!parsed) return std::nullopt;
    out.insert(std::move(*parsed));
  }
  return out;
}

}  // namespace sluice::control
