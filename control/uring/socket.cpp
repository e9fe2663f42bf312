#include "control/uring/socket.h"

#include <cerrno>
#include <cstring>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace sluice::control {
namespace {

constexpr int backlog = 64;

std::unexpected<Error> failure(const std::string& what, const std::string& where,
                               std::string remedy) {
  return std::unexpected(Error{what + ": " + std::strerror(errno), where, std::move(remedy)});
}

std::expected<Descriptor, Error> make_socket(int family, int flags) {
  Descriptor out(socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!out)
    return failure(
        "cannot make a socket", "",
        errno == EMFILE || errno == ENFILE ? "raise the limit of open files (ulimit -n)" : "");
  return out;
}

bool is_socket(const std::string& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

// 0660 from the first moment on.
bool bind_for_group(int socket, const sockaddr_un& address) {
  const mode_t old_mask = umask(0117);
  const bool bound = bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  umask(old_mask);
  return bound;
}

void give_to_group(const std::string& path, const std::string& name) {
  std::vector<char> text(1 << 16);
  group entry{};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &entry, text.data(), text.size(), &found) != 0 || found == nullptr)
    return;
  // Where we may not, the socket stays with our own group: it works for fewer people, which is
  // safe.
  static_cast<void>(chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) == 0);
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) close(number_);
}

std::expected<Descriptor, Error> make_tcp_socket(const Address& address) {
  return make_socket(address.is_ipv4() ? AF_INET : AF_INET6, 0);
}

std::expected<Descriptor, Error> make_unix_socket() { return make_socket(AF_UNIX, 0); }

std::expected<Descriptor, Error> listen_unix(const std::string& path, const std::string& group) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return std::unexpected(
        Error{"a unix socket's path has 1 to 107 bytes", path, "use a shorter one"});
  std::memcpy(address.sun_path, path.data(), path.size());
  auto out = make_unix_socket();
  if (!out) return out;
  bool bound = bind_for_group(out->number(), address);
  if (!bound && errno == EADDRINUSE && is_socket(path)) {
    // Left by a process that was killed. Whether anybody answers there tells nothing: the kernel
    // takes its time to end the listening of a ring whose process is gone.
    unlink(path.c_str());
    bound = bind_for_group(out->number(), address);
  }
  if (!bound)
    return failure("cannot bind a unix socket", path, "its directory must exist and be writable");
  give_to_group(path, group);
  if (listen(out->number(), backlog) != 0) return failure("cannot listen", path, "");
  return out;
}

}  // namespace sluice::control
