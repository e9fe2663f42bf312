#include "tools/sluicectl/client.h"

#include <cerrno>
#include <charconv>
#include <optional>
#include <sys/socket.h>

#include "tools/sluicectl/socket.h"

namespace sluice::ctl {
namespace {

constexpr std::size_t answer_bytes_max = 256UL << 20;

std::string receive_all(const Socket& socket) {
  std::string out;
  char piece[65'536];
  while (out.size() < answer_bytes_max) {
    const ssize_t length = recv(socket.number, piece, sizeof piece, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) break;
    out.append(piece, static_cast<std::size_t>(length));
  }
  return out;
}

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number out{};
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (problem != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return out;
}

}  // namespace

// "HTTP/1.1 200 OK", fields, an empty line, and as much as Content-Length says.
std::optional<Answer> parse_answer(std::string_view bytes) {
  constexpr std::string_view version = "HTTP/1.1 ";
  constexpr std::string_view length_field = "\r\nContent-Length: ";
  const std::size_t head_end = bytes.find("\r\n\r\n");
  if (!bytes.starts_with(version) || head_end == std::string_view::npos) return std::nullopt;
  const std::string_view head = bytes.substr(0, head_end + 2);
  const auto status = number_in<int>(head.substr(version.size(), 3));
  const std::size_t field = head.find(length_field);
  if (!status || field == std::string_view::npos) return std::nullopt;
  const std::size_t begin = field + length_field.size();
  const auto length = number_in<std::size_t>(head.substr(begin, head.find('\r', begin) - begin));
  const std::string_view body = bytes.substr(head_end + 4);
  if (!length || body.size() != *length) return std::nullopt;
  return Answer{*status, std::string(body)};
}

std::expected<Answer, Error> Client::call(std::string_view method, std::string_view target,
                                          std::string_view body) const {
  const auto socket = connect_to(socket_path_);
  if (!socket) return std::unexpected(socket.error());
  send_all(*socket, request_bytes(method, target, body));
  auto answer = parse_answer(receive_all(*socket));
  if (answer) return *answer;
  return std::unexpected(
      Error{"sluiced gave no whole answer", socket_path_,
            "it may have just stopped: look at its log (journalctl -u sluiced)"});
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || std::string_view("-._~").contains(c);
    if (is_plain)
      out += c;
    else
      out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

}  // namespace sluice::ctl
