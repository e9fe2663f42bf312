#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config/snapshot.h"

namespace sluice {

/// Part of `explain`: the backend that a packet's QUIC connection ID names, taken as a long header
/// has it; null when it names none, or none is given. Says why when the service has quic_lb.
[[nodiscard]] const Backend* named_backend(const Snapshot& snapshot, const Service& service,
                                           const std::optional<QuicConnectionId>& connection_id,
                                           std::vector<std::string>& reasons);

}  // namespace sluice
