#include "tests/control/canned_server.h"

#include <array>
#include <chrono>
#include <cstring>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

namespace sluice::control {
namespace {

constexpr int patience_ms = 20;  // between two looks at whether to stop

bool is_readable(int socket) {
  pollfd file{.fd = socket, .events = POLLIN, .revents = 0};
  return poll(&file, 1, patience_ms) > 0;
}

}  // namespace

CannedServer::CannedServer(const Address& address, std::string answer, Manner manner)
    : manner_(manner), listener_(*make_tcp_socket(address)), answer_(std::move(answer)) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  std::memcpy(&name.sin_addr, address.bytes().data() + 12, sizeof name.sin_addr);
  socklen_t length = sizeof name;
  auto* any = reinterpret_cast<sockaddr*>(&name);
  EXPECT_EQ(bind(listener_.number(), any, length), 0) << std::strerror(errno);
  EXPECT_EQ(listen(listener_.number(), 100), 0);
  EXPECT_EQ(getsockname(listener_.number(), any, &length), 0);
  endpoint_ = {address, Port(ntohs(name.sin_port))};
  thread_ = std::thread([this] { serve(); });
}

CannedServer::~CannedServer() {
  stop_ = true;
  thread_.join();
}

void CannedServer::set_answer(std::string answer) {
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
}

std::string CannedServer::last_request() const {
  const std::lock_guard lock(mutex_);
  return last_request_;
}

void CannedServer::serve() {
  while (!stop_) {
    if (!is_readable(listener_.number())) continue;
    const Descriptor socket(accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC));
    ++connections_;
    answer(socket.number());
  }
}

void CannedServer::answer(int socket) {
  std::string request;
  std::array<char, 4096> buffer{};
  while (!stop_ && !request.contains("\r\n\r\n")) {
    if (!is_readable(socket)) continue;
    const ssize_t count = recv(socket, buffer.data(), buffer.size(), 0);
    if (count <= 0) return;
    request.append(buffer.data(), static_cast<std::size_t>(count));
  }
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    last_request_ = request;
    text = answer_;
  }
  if (manner_ == Manner::never) {
    while (!stop_ && !is_readable(socket)) continue;  // until the other end hangs up
    return;
  }
  const std::size_t step = manner_ == Manner::at_once ? text.size() : 1;
  for (std::size_t i = 0; i < text.size() && !stop_; i += step) {
    if (send(socket, text.data() + i, step, MSG_NOSIGNAL) <= 0) return;
    if (step == 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace sluice::control
