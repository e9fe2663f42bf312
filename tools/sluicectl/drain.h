#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "tools/sluicectl/commands.h"

namespace sluice::ctl {

struct DrainWanted {
  BackendArgument backend;
  bool wait = false;     // until no flow is left on it
  std::string deadline;  // of the waiting: "5m"; empty: none
};

/// Drains the backend; with `wait` tells each second how many flows are left. 0: none is left. 1:
/// some were at the deadline, and the backend stays drained. 130: interrupted, and it stays
/// drained, too.
[[nodiscard]] int run_drain(const Session& session, const DrainWanted& wanted);

/// "90s", "5m" or "1h"; nothing when it is anything else, or longer than a week.
[[nodiscard]] std::optional<std::chrono::seconds> parse_deadline(std::string_view text);

}  // namespace sluice::ctl
