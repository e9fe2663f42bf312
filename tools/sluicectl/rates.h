#pragma once

#include "tools/sluicectl/show.h"

namespace sluice::ctl {

/// What happened each second between two answers of GET /v1/counters, `seconds` apart: JSON of
/// services, backends, verdicts and workers. An answer of another shape throws. Counters that went
/// back, because the data plane was started anew, give zero.
[[nodiscard]] Json rates_between(const Json& before, const Json& after, double seconds);

/// The same as tables.
[[nodiscard]] std::string show_rates(const Json& rates, const ShowOptions& options);

}  // namespace sluice::ctl
