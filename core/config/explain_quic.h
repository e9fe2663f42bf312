#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config/snapshot.h"

namespace sluice {

/// Part of `explain`: the backend that a packet's QUIC connection ID names; null when it names
/// none, or no header is given. Says why when the service has quic_lb.
[[nodiscard]] const Backend* named_backend(const Snapshot& snapshot, const Service& service,
                                           const std::optional<QuicHeader>& quic,
                                           std::vector<std::string>& reasons);

}  // namespace sluice
