#pragma once

#include <expected>
#include <string_view>
#include <vector>

#include "control/config/file.h"
#include "core/config/paths.h"

namespace sluice::control {

/// Reads next hops from TOML, for tools that run without a kernel to ask: [[path]] tables with the
/// fields of Path, of which next_hop (the destination itself) and mtu (1500) may be left out. Or
/// every error in order of line. `file` is for messages only.
[[nodiscard]] std::expected<Paths, std::vector<FileError>> parse_paths(std::string_view text,
                                                                       std::string_view file);

}  // namespace sluice::control
