#pragma once

#include <string>
#include <string_view>

#include "tools/sluicectl/commands.h"

namespace sluice::ctl {

/// One call of the API.
struct Call {
  std::string_view method = "GET";
  std::string target;
  std::string_view body = {};
};
using Show = std::string (*)(const Json&, const ShowOptions&);

/// Calls; prints the answer by `show` (or as it is), or what went wrong on standard error; gives
/// the exit status. `healthy` may turn a good answer into exit status 1.
[[nodiscard]] int call_and_show(const Session& session, const Call& call, Show show,
                                bool (*healthy)(const Json&) = nullptr);

/// What the daemon said no to, one line each, on standard error.
void print_refusal(const Json& answer);
void print_error(const Error& error);
void print(std::string_view text);
/// Turns what cannot be parsed into null.
[[nodiscard]] Json parse_json(const std::string& text);

}  // namespace sluice::ctl
