#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>

#include "core/net/prefix.h"
#include "core/result.h"
#include "tools/pktgen/options.h"

namespace sluice::pktgen {

/// What the options say one by one, before the defaults that depend on others.
struct Given {
  Options options;
  std::string only;  // "send", "receive" or empty
  std::optional<Prefix> sources;
  std::optional<Rate> rate;
  std::optional<std::chrono::nanoseconds> duration;
  std::optional<std::chrono::nanoseconds> trial;
};

/// Fills in those defaults. Fails where two options, or an option and this machine, do not go
/// together.
[[nodiscard]] std::expected<Options, Error> settle(Given given);

}  // namespace sluice::pktgen
