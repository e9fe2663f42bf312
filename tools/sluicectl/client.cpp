#include "tools/sluicectl/client.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace sluice::ctl {
namespace {

constexpr std::size_t answer_bytes_max = 256UL << 20;
constexpr timeval call_timeout{.tv_sec = 60, .tv_usec = 0};

struct Socket {
  int number = -1;
  Socket() : number(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (number >= 0) close(number);
  }
};

std::string remedy_for(int problem) {
  switch (problem) {
    case ENOENT:
      return "there is no such socket: start sluiced (systemctl start sluiced), or name its socket "
             "with --socket or SLUICE_SOCKET";
    case ECONNREFUSED:
      return "nobody listens there any more: start sluiced (systemctl start sluiced)";
    case EACCES:
      return "run it as root, or join the group that owns the socket (usermod -aG sluice USER, "
             "then "
             "log in again)";
    default:
      return "check that sluiced runs (systemctl status sluiced)";
  }
}

std::expected<void, Error> connect_to(const Socket& socket, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return std::unexpected(
        Error{"the socket's path is empty or too long", path, "give one of 1 to 107 characters"});
  path.copy(address.sun_path, path.size());
  setsockopt(socket.number, SOL_SOCKET, SO_RCVTIMEO, &call_timeout, sizeof call_timeout);
  setsockopt(socket.number, SOL_SOCKET, SO_SNDTIMEO, &call_timeout, sizeof call_timeout);
  if (connect(socket.number, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return {};
  return std::unexpected(
      Error{std::string("cannot reach sluiced: ") + std::strerror(errno), path, remedy_for(errno)});
}

// Sends what it can: a daemon that refuses a request answers before it has read all of it.
void send_all(const Socket& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket.number, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

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

}  // namespace

std::expected<Answer, Error> Client::call(std::string_view method, std::string_view target,
                                          std::string_view body) const {
  const Socket socket;
  if (socket.number < 0)
    return std::unexpected(Error{std::string("cannot make a socket: ") + std::strerror(errno), "",
                                 "look at the limit of open files (ulimit -n)"});
  if (auto connected = connect_to(socket, socket_path_); !connected)
    return std::unexpected(connected.error());
  std::string request(method);
  request += " " + std::string(target) + " HTTP/1.1\r\nHost: sluice\r\nConnection: close\r\n";
  request += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  request += body;
  send_all(socket, request);
  auto answer = parse_answer(receive_all(socket));
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
