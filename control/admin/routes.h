#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/admin/api.h"
#include "control/admin/json.h"

// The handlers behind `handle`, one file per group of routes. Each is called with a request whose
// path and method fit.

namespace sluice::control {

// routes_status.cpp
[[nodiscard]] Response get_status(const Request& request, const ApiContext& context);
[[nodiscard]] Response get_services(const Request& request, const ApiContext& context);
// routes_backends.cpp
[[nodiscard]] Response get_backends(const Request& request, const ApiContext& context);
[[nodiscard]] Response put_backend(const Request& request, const ApiContext& context);
// routes_counters.cpp
[[nodiscard]] Response get_counters(const Request& request, const ApiContext& context);
// routes_flows.cpp
[[nodiscard]] Response get_flows(const Request& request, const ApiContext& context);
[[nodiscard]] Response get_explain(const Request& request, const ApiContext& context);
// routes_config.cpp
[[nodiscard]] Response get_config(const Request& request, const ApiContext& context);
[[nodiscard]] Response post_check(const Request& request, const ApiContext& context);
[[nodiscard]] Response post_plan(const Request& request, const ApiContext& context);
[[nodiscard]] Response post_apply(const Request& request, const ApiContext& context);
// routes_capture.cpp
[[nodiscard]] Response post_capture(const Request& request, const ApiContext& context);

[[nodiscard]] Response json_response(const Json& json, int status = 200);
[[nodiscard]] Response error_response(int status, const Error& error);
/// A query parameter's value, or null.
[[nodiscard]] const std::string* query_value(const Request& request, const std::string& name);

/// Why the data plane does not forward by what is in force here; empty when it does.
[[nodiscard]] std::string why_out_of_sync(const State& state);
/// Whether the counters and flow tables are those of the data plane that is connected, and not what
/// an earlier one has left.
[[nodiscard]] bool is_live(const ApiContext& context);
/// {"changes", "shifts", "evicted", "flows_to_move", "needs_restart"}. `names`: the backends by
/// their number before the change.
[[nodiscard]] Json plan_to_json(const Plan& plan, const std::vector<BackendName>& names,
                                const ApiContext& context);
[[nodiscard]] std::vector<BackendName> backend_names(const Snapshot& snapshot);
/// Everything about one backend.
[[nodiscard]] Json backend_to_json(const ApiContext& context, const Service& service, BackendId id,
                                   std::uint32_t slots);

}  // namespace sluice::control
