#include "control/health/probe.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <string_view>

#include "control/health/http_answer.h"
#include "control/uring/socket.h"

namespace sluice::control {
namespace {

constexpr std::size_t answer_bytes_max = 64 << 10;
constexpr std::size_t read_bytes = 4 << 10;

// The moment by which the whole probe must be over.
class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds time)
      : end_(std::chrono::steady_clock::now() + time) {}
  [[nodiscard]] Ring::Duration left() const {
    return std::max<Ring::Duration>(end_ - std::chrono::steady_clock::now(),
                                    Ring::Duration::zero());
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

ProbeResult failure(std::string_view step, int result) {
  return {false,
          std::string(step) + ": " + (result == -ETIME ? "timed out" : std::strerror(-result))};
}

ProbeResult judge(std::uint16_t status, const HealthConfig& probe) {
  std::string reason = "HTTP status " + std::to_string(status);
  const bool success = status >= probe.status_min && status <= probe.status_max;
  if (!success)
    reason +=
        ", wanted " + std::to_string(probe.status_min) + " to " + std::to_string(probe.status_max);
  return {success, std::move(reason)};
}

Task<ProbeResult> exchange(Ring& ring, int socket, const ProbeTarget& target, Deadline deadline) {
  const std::string request = http_request(target);
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(request.data()), request.size());
  const int sent = co_await send_all(ring, socket, bytes, deadline.left());
  if (sent < 0) co_return failure("send", sent);
  std::string answer;
  std::array<std::uint8_t, read_bytes> buffer;
  while (answer.size() < answer_bytes_max) {
    const int count = co_await ring.receive(socket, buffer, deadline.left());
    if (count < 0) co_return failure("receive", count);
    if (count == 0)
      co_return ProbeResult{false, answer.empty()
                                       ? "the server closed the connection without an answer"
                                       : "the server closed the connection within its answer"};
    answer.append(buffer.begin(), buffer.begin() + count);
    const auto status = http_status(answer);
    if (!status) co_return ProbeResult{false, status.error()};
    if (*status) co_return judge(**status, target.probe);
  }
  co_return ProbeResult{false, "the header of the answer is longer than 64 KiB"};
}

}  // namespace

Task<ProbeResult> run_probe(Ring& ring, ProbeTarget target) {
  const Deadline deadline(target.probe.timeout);
  const auto socket = make_tcp_socket(target.endpoint.address);
  if (!socket) co_return ProbeResult{false, socket.error().text()};
  const int result = co_await ring.connect(socket->number(), target.endpoint, deadline.left());
  if (result < 0) co_return failure("connect", result);
  if (target.probe.type != ProbeType::http) co_return ProbeResult{true, "connected"};
  co_return co_await exchange(ring, socket->number(), target, deadline);
}

std::string http_request(const ProbeTarget& target) {
  constexpr Port http_port(80);
  const Endpoint& to = target.endpoint;
  std::string host = target.probe.host;
  if (host.empty()) {
    host = to.text();
    // The default port is left out (RFC 9110 section 7.2); an IPv6 address keeps its brackets.
    if (to.port == http_port) host.resize(host.rfind(':'));
  }
  return "GET " + target.probe.path + " HTTP/1.1\r\nHost: " + host +
         "\r\nUser-Agent: sluice/" SLUICE_VERSION "\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

}  // namespace sluice::control
