#pragma once

#include <cstdint>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>

namespace sluice::ctl {

// Fields of the API's answers; one that is missing or of another type throws.
[[nodiscard]] inline std::string text_of(const nlohmann::ordered_json& json, const char* key) {
  return json.at(key).get<std::string>();
}
[[nodiscard]] inline std::uint64_t number_of(const nlohmann::ordered_json& json, const char* key) {
  return json.at(key).get<std::uint64_t>();
}
/// "tcp 203.0.113.10:80", "udp [2001:db8::/64]:8000-8999", "any 203.0.113.10"
[[nodiscard]] inline std::string listener_of(const nlohmann::ordered_json& json) {
  const std::string vip = text_of(json, "vip");
  if (text_of(json, "protocol") == "any") return "any " + vip;
  const auto& port = json.at("port");
  return fmt::format("{} {}:{}", text_of(json, "protocol"),
                     vip.find(':') == std::string::npos ? vip : "[" + vip + "]",
                     port.is_string() ? port.get<std::string>() : port.dump());
}

}  // namespace sluice::ctl
