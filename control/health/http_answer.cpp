#include "control/health/http_answer.h"

#include <algorithm>

namespace sluice::control {
namespace {

constexpr std::string_view version = "HTTP/1.";
constexpr std::string_view line_end = "\r\n";
constexpr std::string_view section_end = "\r\n\r\n";
constexpr std::size_t excerpt_bytes = 40;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// reason-phrase = 1*( HTAB / SP / VCHAR / obs-text )
bool is_reason(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

std::unexpected<std::string> not_http(std::string_view line) {
  std::string excerpt(line.substr(0, excerpt_bytes));
  std::ranges::replace_if(excerpt, [](char c) { return !is_reason(c) || c == '\t'; }, '?');
  return std::unexpected("the answer is not HTTP/1: \"" + excerpt + "\"");
}

// status-line = HTTP-version SP status-code SP [ reason-phrase ]
std::optional<std::uint16_t> parse_status_line(std::string_view line) {
  constexpr std::size_t length_bytes_min = std::string_view("HTTP/1.1 200 ").size();
  if (line.size() < length_bytes_min || !line.starts_with(version)) return std::nullopt;
  line.remove_prefix(version.size());
  if (!is_digit(line[0]) || line[1] != ' ' || line[5] != ' ') return std::nullopt;
  std::uint16_t status = 0;
  for (const char c : line.substr(2, 3)) {
    if (!is_digit(c)) return std::nullopt;
    status = static_cast<std::uint16_t>(status * 10 + (c - '0'));
  }
  if (status < 100 || !std::ranges::all_of(line.substr(6), is_reason)) return std::nullopt;
  return status;
}

}  // namespace

std::expected<std::optional<std::uint16_t>, std::string> http_status(std::string_view received) {
  while (true) {
    const std::size_t end = received.find(line_end);
    const std::string_view line = received.substr(0, end);
    // What cannot become HTTP is refused before the server has said all of it, or hung up.
    if (!line.starts_with(version.substr(0, line.size()))) return not_http(line);
    if (end == std::string_view::npos) return std::nullopt;
    const auto status = parse_status_line(line);
    if (!status) return not_http(line);
    const std::size_t rest = received.find(section_end, end);
    if (rest == std::string_view::npos) return std::nullopt;
    if (*status >= 200) return status;
    received.remove_prefix(rest + section_end.size());
  }
}

}  // namespace sluice::control
