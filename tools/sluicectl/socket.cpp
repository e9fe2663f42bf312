#include "tools/sluicectl/socket.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace sluice::ctl {
namespace {

constexpr timeval call_timeout{.tv_sec = 60, .tv_usec = 0};

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

}  // namespace

Socket::~Socket() {
  if (number >= 0) close(number);
}

std::expected<Socket, Error> connect_to(const std::string& path) {
  Socket out;
  out.number = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (out.number < 0)
    return std::unexpected(Error{std::string("cannot make a socket: ") + std::strerror(errno), "",
                                 "look at the limit of open files (ulimit -n)"});
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return std::unexpected(
        Error{"the socket's path is empty or too long", path, "give one of 1 to 107 characters"});
  path.copy(address.sun_path, path.size());
  setsockopt(out.number, SOL_SOCKET, SO_RCVTIMEO, &call_timeout, sizeof call_timeout);
  setsockopt(out.number, SOL_SOCKET, SO_SNDTIMEO, &call_timeout, sizeof call_timeout);
  if (connect(out.number, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return out;
  return std::unexpected(
      Error{std::string("cannot reach sluiced: ") + std::strerror(errno), path, remedy_for(errno)});
}

std::string request_bytes(std::string_view method, std::string_view target, std::string_view body) {
  std::string out(method);
  out += " " + std::string(target) + " HTTP/1.1\r\nHost: sluice\r\nConnection: close\r\n";
  out += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  out += body;
  return out;
}

void send_all(const Socket& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket.number, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace sluice::ctl
