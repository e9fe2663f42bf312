#include "dataplane/feed/server.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "dataplane/feed/feed.h"

namespace sluice::dataplane {
namespace {

constexpr std::size_t read_bytes = 1U << 18;
// How often the workers' rings are emptied while there is a capture, and how much of it may wait
// for the control plane; beyond that it stays in the rings, which count what they have no room for.
constexpr int capture_interval_ms = 5;
constexpr std::size_t captured_bytes_max = std::size_t{4} << 20;

std::unexpected<Error> failure(const std::string& what, const std::string& where,
                               std::string remedy) {
  return std::unexpected(Error{what + ": " + std::strerror(errno), where, std::move(remedy)});
}

void close_and_forget(int& file) {
  if (file >= 0) close(file);
  file = -1;
}

}  // namespace

std::expected<Server, Error> Server::open(const std::string& run_dir) {
  Server out;
  out.socket_path_ = run_dir + "/dataplane.sock";
  if (mkdir(run_dir.c_str(), 0755) != 0 && errno != EEXIST)
    return failure("cannot make the run directory", run_dir,
                   "run as root, or name another one by --run-dir");
  const std::string lock_path = run_dir + "/dataplane.lock";
  out.lock_ = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (out.lock_ < 0)
    return failure("cannot open the lock file", lock_path, "the run directory must be writable");
  if (flock(out.lock_, LOCK_EX | LOCK_NB) != 0)
    return failure("another sluice-dataplane uses this run directory", run_dir,
                   "stop it, or name another one by --run-dir");

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (out.socket_path_.size() >= sizeof address.sun_path)
    return std::unexpected(
        Error{"the socket's path is too long", out.socket_path_, "use a shorter --run-dir"});
  std::memcpy(address.sun_path, out.socket_path_.c_str(), out.socket_path_.size());
  unlink(out.socket_path_.c_str());  // left by a process that was killed: we hold the lock
  out.listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const mode_t old_mask =
      umask(0117);  // 0660: the control plane may run as another user of the group
  const bool bound =
      out.listener_ >= 0 &&
      bind(out.listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      listen(out.listener_, 4) == 0;
  umask(old_mask);
  if (!bound)
    return failure("cannot listen", out.socket_path_, "the run directory must be writable");

  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  pthread_sigmask(SIG_BLOCK, &wanted,
                  nullptr);  // before any thread is made, so that all inherit it
  out.signals_ = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
  return out;
}

Server::Server(Server&& other) noexcept
    : socket_path_(std::move(other.socket_path_)),
      lock_(std::exchange(other.lock_, -1)),
      listener_(std::exchange(other.listener_, -1)),
      client_(std::exchange(other.client_, -1)),
      signals_(std::exchange(other.signals_, -1)),
      reader_(std::move(other.reader_)) {}

Server::~Server() {
  if (listener_ >= 0) unlink(socket_path_.c_str());
  for (int* file : {&listener_, &client_, &signals_, &lock_}) close_and_forget(*file);
}

int Server::run(Feed& feed) {
  while (true) {
    std::array<pollfd, 3> files = {
        {{.fd = listener_, .events = POLLIN, .revents = 0},
         {.fd = signals_, .events = POLLIN, .revents = 0},
         {.fd = client_,
          .events = static_cast<short>(unsent_.empty() ? POLLIN : POLLIN | POLLOUT),
          .revents = 0}}};
    const int timeout_ms = feed.is_capturing() ? capture_interval_ms : -1;
    if (poll(files.data(), files.size(), timeout_ms) < 0 && errno != EINTR) return 1;
    if (files[1].revents != 0) return 0;
    if ((files[2].revents & POLLOUT) != 0) write_client();
    if ((files[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_client(feed);
    if (files[0].revents != 0) accept_client();
    if (std::exchange(client_left_, false)) feed.stop_capture();
    send_report(feed);
    if (feed.is_capturing()) send_captured(feed);
    if (feed.has_failed()) return 1;
  }
}

void Server::accept_client() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0) return;
  drop_client();
  client_ = client;
}

void Server::read_client(Feed& feed) {
  std::vector<std::uint8_t> buffer(read_bytes);
  const ssize_t count = read(client_, buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    drop_client();
    return;
  }
  reader_.feed({buffer.data(), static_cast<std::size_t>(count)});
  while (const auto message = reader_.next()) {
    if (feed.take(*message)) continue;
    drop_client();
    return;
  }
  if (reader_.broken()) drop_client();
  feed.settle();
}

void Server::send_report(const Feed& feed) {
  if (client_ < 0 || told_ == feed.report()) return;
  told_ = feed.report();
  const auto message = make_message(MessageType::report, 0, *told_);
  unsent_.insert(unsent_.end(), message.begin(), message.end());
  write_client();
}

void Server::send_captured(Feed& feed) {
  if (unsent_.size() > captured_bytes_max) return;
  const auto message = feed.captured();
  if (client_ < 0 || message.empty()) return;
  unsent_.insert(unsent_.end(), message.begin(), message.end());
  write_client();
}

void Server::write_client() {
  const ssize_t count = send(client_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (count > 0) unsent_.erase(unsent_.begin(), unsent_.begin() + count);
  if (count < 0 && errno != EAGAIN && errno != EINTR) drop_client();
}

void Server::drop_client() {
  close_and_forget(client_);
  client_left_ = true;
  reader_ = {};
  unsent_.clear();
  told_.reset();
}

}  // namespace sluice::dataplane
