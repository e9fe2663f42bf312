#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>

#include "control/config/duration.h"
#include "core/config/config.h"
#include "core/contract/codec.h"
#include "core/net/address.h"

namespace sluice::control {

template <Described T>
[[nodiscard]] nlohmann::ordered_json to_json(const T& value);

/// One field: a number, truth value or string as itself, an enumerator in the operator's spelling,
/// a duration like "1s", an address as text, a range of ports as text and a single port as a
/// number, a list as a list.
template <typename T>
[[nodiscard]] nlohmann::ordered_json field_to_json(const T& value) {
  if constexpr (Described<T>) {
    return to_json(value);
  } else if constexpr (std::is_enum_v<T>) {
    return std::string(spell(value));
  } else if constexpr (std::is_same_v<T, Port>) {
    return value.value();
  } else if constexpr (std::is_same_v<T, PortRange>) {
    return value.is_one() ? nlohmann::ordered_json(value.first.value())
                          : nlohmann::ordered_json(value.text());
  } else if constexpr (std::is_same_v<T, MacAddress> || Written<T>) {
    return value.text();
  } else if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
    return duration_text(value);
  } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
    return value;
  } else {
    auto out = nlohmann::ordered_json::array();
    for (const auto& element : value) out.push_back(field_to_json(element));
    return out;
  }
}

/// Any value with a `fields` list, as an object with its keys in that order.
template <Described T>
nlohmann::ordered_json to_json(const T& value) {
  auto out = nlohmann::ordered_json::object();
  T::fields(value, [&](std::string_view name, const auto& field) {
    out[std::string(name)] = field_to_json(field);
  });
  return out;
}

}  // namespace sluice::control
