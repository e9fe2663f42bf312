#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "control/config/file.h"
#include "control/config/json.h"
#include "core/result.h"

namespace sluice::control {

/// Keys stay in the order in which they were put in.
using Json = nlohmann::ordered_json;

/// One line of text; what is not UTF-8 in it is replaced, never thrown at.
[[nodiscard]] std::string to_text(const Json& json);

/// {"what", "where", "remedy"}.
[[nodiscard]] Json to_json(const Error& error);
/// {"file", "line", "column", "what", "remedy", "text"} each.
[[nodiscard]] Json to_json(const std::vector<FileError>& errors);
/// "2026-03-01T12:00:00Z"
[[nodiscard]] std::string to_text(std::chrono::system_clock::time_point time);

}  // namespace sluice::control
