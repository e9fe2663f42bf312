#pragma once

#include <chrono>

#include "control/admin/dataplane_view.h"
#include "control/admin/http.h"
#include "control/capture/desk.h"
#include "control/state/state.h"

namespace sluice::control {

class Checker;

/// What the routes of the control socket look at and change.
struct ApiContext {
  State& state;
  DataplaneView& data_plane;
  const Checker* checker = nullptr;  // null: without the last probes
  std::chrono::seconds uptime{0};
  CaptureDesk* captures = nullptr;  // null: there are none
};

/// Answers one request of the control socket (docs/sluicectl.md lists the routes). Every answer is
/// JSON, but for the text of the configuration; every error is {"error": {"what", "where",
/// "remedy"}}. Never fails: an unexpected exception becomes status 500.
[[nodiscard]] Response handle(const Request& request, const ApiContext& context);

/// The answer to a request that HTTP itself refuses.
[[nodiscard]] Response to_response(const Refusal& refusal);

}  // namespace sluice::control
