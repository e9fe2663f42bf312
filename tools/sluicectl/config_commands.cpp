#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "tools/sluicectl/fields.h"
#include "tools/sluicectl/session.h"

// The commands that send a configuration file: check, plan, apply.

namespace sluice::ctl {
namespace {

std::expected<std::string, Error> read_text(const std::string& file) {
  const auto all_of = [](std::istream& in) {
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  if (file == "-") return all_of(std::cin);
  std::ifstream in(file, std::ios::binary);
  std::string out = in ? all_of(in) : "";
  // A directory opens, but cannot be read.
  if (!in || in.bad())
    return std::unexpected(Error{"cannot read the file", file, "check its name and mode"});
  return out;
}

std::string show_checked(const Json& json, const ShowOptions&) {
  return text_of(json, "file") + ": no errors\n";
}

std::string show_applied(const Json& json, const ShowOptions& options) {
  return show_plan(json, options) + "applied\n";
}

int send_file(const Session& session, const std::string& route, const std::string& file,
              Show show) {
  const auto text = read_text(file);
  if (!text) {
    print_error(text.error());
    return exit_unreachable;
  }
  const std::string name = file == "-" ? "standard input" : file;
  return call_and_show(
      session,
      {.method = "POST", .target = "/v1/" + route + "?file=" + percent_encode(name), .body = *text},
      show);
}

}  // namespace

int run_check(const Session& session, const std::string& file) {
  const int status = send_file(session, "check", file, show_checked);
  if (status == exit_unreachable && file != "-" && read_text(file))
    std::fprintf(stderr, "sluicectl: without sluiced, use: sluiced --check --config %s\n",
                 file.c_str());
  return status;
}

int run_plan(const Session& session, const std::string& file) {
  return send_file(session, "plan", file, show_plan);
}

int run_apply(const Session& session, const std::string& file) {
  return send_file(session, "apply", file, show_applied);
}

}  // namespace sluice::ctl
