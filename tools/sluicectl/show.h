#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/sluicectl/table.h"

// The API's JSON as text for people. An answer of another shape than expected (of another version
// of sluiced) throws nlohmann::json::exception; the caller says so.

namespace sluice::ctl {

using Json = nlohmann::ordered_json;

struct ShowOptions {
  bool colours = false;
  bool all = false;  // counters: those that are zero too
  std::chrono::system_clock::time_point now;
};

[[nodiscard]] std::string show_status(const Json& json, const ShowOptions& options);
[[nodiscard]] std::string show_services(const Json& json, const ShowOptions& options);
[[nodiscard]] std::string show_backends(const Json& json, const ShowOptions& options);
[[nodiscard]] std::string show_counters(const Json& json, const ShowOptions& options);
[[nodiscard]] std::string show_flows(const Json& json, const ShowOptions& options);
[[nodiscard]] std::string show_explanation(const Json& json, const ShowOptions& options);
[[nodiscard]] std::string show_plan(const Json& json, const ShowOptions& options);

/// Whether `status` is as it should be: the data plane is there, forwards, and did not refuse what
/// is in force.
[[nodiscard]] bool is_healthy(const Json& status);

}  // namespace sluice::ctl
