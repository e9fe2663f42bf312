#include "control/netlink/route_socket.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

namespace sluice::control {
namespace {

std::unexpected<Error> open_failure(int descriptor) {
  const int code = errno;
  if (descriptor >= 0) ::close(descriptor);
  return std::unexpected(
      Error{"cannot ask the kernel for its routes: " + std::string(std::strerror(code)), "netlink",
            "allow AF_NETLINK sockets (RestrictAddressFamilies= of a systemd unit)"});
}

template <typename T>
bool set_option(int descriptor, int level, int name, const T& value) {
  return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

// The message at the front, which is then taken off; nothing when the bytes are used up.
std::optional<std::pair<nlmsghdr, NetlinkMessage>> take_message(
    std::span<const std::uint8_t>& bytes) {
  nlmsghdr header{};
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) return std::nullopt;
  const auto body = bytes.subspan(sizeof header, header.nlmsg_len - sizeof header);
  bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), NLMSG_ALIGN(header.nlmsg_len)));
  return std::pair(header, NetlinkMessage{header.nlmsg_type, body});
}

}  // namespace

std::expected<RouteSocket, Error> RouteSocket::open(std::initializer_list<int> groups) {
  const int descriptor = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (descriptor < 0) return open_failure(descriptor);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return open_failure(descriptor);
  for (const int group : groups)
    if (!set_option(descriptor, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group))
      return open_failure(descriptor);
  // The kernel answers at once; the limit only keeps a broken one from stopping the whole process.
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  // A smaller buffer than this, when the system allows no more, only loses more often what `drain`
  // then reports.
  constexpr int receive_buffer_bytes = 1 << 20;
  set_option(descriptor, SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
  if (!set_option(descriptor, SOL_SOCKET, SO_RCVTIMEO, patience)) return open_failure(descriptor);
  return RouteSocket(descriptor);
}

RouteSocket::RouteSocket(int descriptor)
    : descriptor_(descriptor),
      buffer_(std::make_unique<std::array<std::uint8_t, buffer_bytes>>()) {}

RouteSocket::RouteSocket(RouteSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      sequence_(other.sequence_),
      buffer_(std::move(other.buffer_)) {}

RouteSocket& RouteSocket::operator=(RouteSocket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(sequence_, other.sequence_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

RouteSocket::~RouteSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::span<const std::uint8_t> RouteSocket::received(std::size_t length) const {
  return std::span<const std::uint8_t>(*buffer_).first(std::min(length, buffer_->size()));
}

int RouteSocket::ask(NetlinkRequest& request, const Receiver& receive) {
  const auto bytes = request.bytes(++sequence_);
  if (::send(descriptor_, bytes.data(), bytes.size(), 0) < 0) return errno;
  Answer answer;
  while (!answer.finished) {
    const ssize_t length = ::recv(descriptor_, buffer_->data(), buffer_->size(), 0);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return length < 0 ? errno : ECONNRESET;
    read_answers(received(static_cast<std::size_t>(length)), sequence_, receive, answer);
  }
  return answer.error == 0 && answer.disturbed ? EINTR : answer.error;
}

void RouteSocket::read_answers(std::span<const std::uint8_t> bytes, std::uint32_t sequence,
                               const Receiver& receive, Answer& answer) const {
  while (const auto next = take_message(bytes)) {
    const auto& [header, message] = *next;
    // What is left of an exchange that was given up.
    if (header.nlmsg_seq != sequence) continue;
    if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) answer.disturbed = true;
    if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
      answer.finished = true;
      answer.error = -message.fixed<std::int32_t>().value_or(0);
      continue;
    }
    receive(message);
    if ((header.nlmsg_flags & NLM_F_MULTI) == 0) answer.finished = true;
  }
}

bool RouteSocket::drain(const Receiver& receive) {
  bool complete = true;
  while (true) {
    // MSG_TRUNC gives the length that a message had before it was cut.
    const ssize_t length =
        ::recv(descriptor_, buffer_->data(), buffer_->size(), MSG_DONTWAIT | MSG_TRUNC);
    if (length < 0 && errno == EINTR) continue;
    // ENOBUFS is said once for all that was lost; what came after it is still there to read.
    if (length < 0 && errno == ENOBUFS) {
      complete = false;
      continue;
    }
    if (length < 0) return complete && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (length == 0) return false;
    if (static_cast<std::size_t>(length) > buffer_->size()) complete = false;
    auto bytes = received(static_cast<std::size_t>(length));
    while (const auto next = take_message(bytes)) receive(next->second);
  }
}

}  // namespace sluice::control
