#pragma once

#include <string_view>

namespace sluice::control {

/// One line to standard error, which systemd keeps. Control characters are shown as '?', for parts
/// of a line may come from elsewhere.
void log_line(std::string_view text);

}  // namespace sluice::control
