#pragma once

#include <string>

#include "control/uring/ring.h"
#include "control/uring/task.h"
#include "core/health/probe_target.h"

namespace sluice::control {

/// What one probe found out.
struct ProbeResult {
  bool success = false;
  std::string reason;  // "connected", "HTTP status 503, wanted 200 to 399", "connect: timed out"
};

/// Asks the target once, over a connection of its own, by its probe's type; the probe's timeout is
/// for all of it. Of an HTTP answer it reads at most 64 KiB, up to the end of its header section.
[[nodiscard]] Task<ProbeResult> run_probe(Ring& ring, ProbeTarget target);

/// What run_probe sends to an HTTP target.
[[nodiscard]] std::string http_request(const ProbeTarget& target);

}  // namespace sluice::control
