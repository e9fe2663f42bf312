#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/config/findings.h"

namespace sluice::control {

struct Refusal {
  Position position;
  std::string what;
  std::string remedy;
};

/// The first place of a TOML text that toml++ 3.3 must not see, for it could end the process there.
/// By recursion, when it frees tables nested a hundred thousand deep, which one line of dots makes.
/// By an assertion, or undefined behaviour where those are off: when a table's header begins with
/// what no key can, when } stands for a value of a list, at a date before a blank, and at
/// characters beyond ASCII outside strings and comments or behind a backslash. None of them is in a
/// right configuration.
[[nodiscard]] std::optional<Refusal> refuse_before_parsing(std::string_view text);

}  // namespace sluice::control
