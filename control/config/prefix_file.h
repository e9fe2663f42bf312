#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/config/convert.h"
#include "core/net/prefix.h"

namespace sluice::control {

/// The prefixes of a file: one a line, "192.0.2.0/24" or a bare address, '#' begins a comment. The
/// complaint names the file and the first line that cannot be read.
[[nodiscard]] Converted<std::vector<Prefix>> read_prefix_file(const std::string& path);
/// The same from its text; `path` is for messages.
[[nodiscard]] Converted<std::vector<Prefix>> parse_prefix_lines(std::string_view text,
                                                                std::string_view path);
/// Why a text is no prefix, and what to write: for all places where prefixes are written.
[[nodiscard]] Complaint no_prefix(std::string_view what, std::string_view text);

}  // namespace sluice::control
