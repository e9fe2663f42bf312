#include "control/config/prefix_file.h"

#include "control/config/file.h"
#include "control/config/spelling.h"

namespace sluice::control {
namespace {

constexpr std::size_t shown_bytes_max = 60;
constexpr std::string_view blanks = " \t\r";

// Without its comment and the blanks around it.
std::string_view content_of(std::string_view line) {
  line = line.substr(0, line.find('#'));
  const std::size_t first = line.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(blanks) - first + 1);
}

}  // namespace

Complaint no_prefix(std::string_view what, std::string_view text) {
  return {std::string(what) + " \"" + shortened(text, shown_bytes_max) + "\" is no prefix",
          "write an address, or a prefix whose host bits are zero: \"192.0.2.0/24\" or "
          "\"2001:db8::/32\""};
}

Converted<std::vector<Prefix>> parse_prefix_lines(std::string_view text, std::string_view path) {
  std::vector<Prefix> out;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    const std::string_view content = content_of(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (content.empty()) continue;
    const auto prefix = Prefix::parse(content);
    if (!prefix)
      return std::unexpected(
          no_prefix(std::string(path) + ":" + std::to_string(line) + ":", content));
    out.push_back(*prefix);
  }
  return out;
}

Converted<std::vector<Prefix>> read_prefix_file(const std::string& path) {
  // sluiced may have been started anywhere, and a configuration may be sent to it from anywhere.
  if (!path.starts_with('/'))
    return std::unexpected(
        Complaint{"file \"" + shortened(path, shown_bytes_max) + "\" is a relative path",
                  "write the whole path: \"/etc/sluice/bad.txt\""});
  const auto text = read_file(path);
  if (!text)
    return std::unexpected(
        Complaint{text.error().what + " (" + text.error().where + ")", text.error().remedy});
  return parse_prefix_lines(*text, path);
}

}  // namespace sluice::control
