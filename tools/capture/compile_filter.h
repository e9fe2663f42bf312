#pragma once

#include <expected>
#include <string>
#include <vector>

#include "core/capture/filter.h"
#include "core/result.h"

namespace sluice::capture {

/// Compiles an expression as tcpdump takes it (pcap-filter(7)) for Ethernet frames. Empty: every
/// frame, and an empty program. An error: what libpcap says, or that the data plane cannot run it.
[[nodiscard]] std::expected<std::vector<FilterInstruction>, Error> compile_filter(
    const std::string& expression);

}  // namespace sluice::capture
