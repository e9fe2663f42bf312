#pragma once

#include <expected>
#include <string_view>
#include <toml++/toml.h>

#include "control/config/file.h"

namespace sluice::control {

/// The file as a tree of TOML, or the first thing in it that is not TOML.
[[nodiscard]] std::expected<toml::table, FileError> parse_toml(std::string_view text,
                                                               std::string_view file);

}  // namespace sluice::control
