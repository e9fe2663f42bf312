#pragma once

#include <optional>

#include "core/config/config.h"
#include "core/config/paths.h"
#include "core/config/snapshot.h"

namespace sluice {

/// What forwarding in the service's way costs the packet path.
[[nodiscard]] Sending sending_of(const ServiceConfig& service);

/// Sets how packets reach the backend, or why they cannot. `path`: the kernel's way to it, null
/// when it has none; `port`: ours on that way, if it is one of ours.
void connect_backend(Backend& backend, const ServiceConfig& service, const Path* path,
                     std::optional<PortIndex> port);

}  // namespace sluice
