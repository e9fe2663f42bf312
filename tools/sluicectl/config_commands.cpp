#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools/sluicectl/fields.h"
#include "tools/sluicectl/session.h"

// The commands that send a configuration file: check, plan, apply.

namespace sluice::ctl {
namespace {

// What sluiced takes at most, and one byte more, so that it is sluiced who says that it is too
// much.
constexpr std::size_t text_bytes_max = (16UL << 20) + 1;

std::expected<std::string, Error> read_text(const std::string& file) {
  std::FILE* in = file == "-" ? stdin : std::fopen(file.c_str(), "rbe");
  std::string out;
  char piece[65'536];
  std::size_t length = 1;
  while (in != nullptr && length > 0 && out.size() < text_bytes_max) {
    length = std::fread(piece, 1, sizeof piece, in);
    out.append(piece, length);
  }
  const bool is_read = in != nullptr && std::ferror(in) == 0;
  const std::string why = std::strerror(errno);
  if (in != nullptr && in != stdin) std::fclose(in);
  if (is_read) return out;
  return std::unexpected(Error{"cannot read: " + why, file, "name a file that can be read"});
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
