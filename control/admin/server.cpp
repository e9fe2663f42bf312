#include "control/admin/server.h"

#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "control/admin/api.h"
#include "control/capture/stream.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;

constexpr Ring::Duration idle_timeout = 30s;
constexpr Ring::Duration send_timeout = 30s;
// After accept failed, for want of descriptors say.
constexpr Ring::Duration accept_pause = 100ms;
constexpr std::size_t piece_bytes = 64UL << 10;
// What a client may still be sending when its request is refused.
constexpr std::size_t drain_bytes_max = 2 * RequestReader::body_bytes_max;
constexpr Ring::Duration drain_timeout = 1s;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

AdminServer::AdminServer(Ring& ring, State& state, const Checker& checker, Options options)
    : ring_(ring),
      state_(state),
      checker_(checker),
      options_(std::move(options)),
      data_plane_(options_.run_dir),
      started_(std::chrono::steady_clock::now()) {}

AdminServer::~AdminServer() {
  if (listener_) unlink(options_.socket_path.c_str());
}

std::expected<void, Error> AdminServer::start(TaskGroup& group) {
  auto listener = listen_unix(options_.socket_path, options_.group);
  if (!listener) return std::unexpected(listener.error());
  listener_ = std::move(*listener);
  group_ = &group;
  group.spawn(accept_connections());
  return {};
}

Task<void> AdminServer::accept_connections() {
  for (;;) {
    co_await Room{*this};
    const int socket = co_await ring_.accept(listener_.number());
    if (socket == -ECANCELED) co_return;
    if (socket < 0) {
      const int slept = co_await ring_.sleep(accept_pause);
      if (slept == -ECANCELED) co_return;
      continue;
    }
    ++connections_;
    group_->spawn(serve(Descriptor(socket)));
  }
}

void AdminServer::end_connection() {
  --connections_;
  if (accepting_) std::exchange(accepting_, {}).resume();
}

// One connection, from its first byte to its last.
Task<void> AdminServer::serve(Descriptor socket) {
  RequestReader reader;
  std::vector<std::uint8_t> piece(piece_bytes);
  for (bool open = true; open;) {
    const int length = co_await ring_.receive(socket.number(), piece, idle_timeout);
    if (length <= 0) break;
    reader.feed(std::span(piece).first(static_cast<std::size_t>(length)));
    open = co_await exchange(socket.number(), reader);
  }
  socket = {};
  end_connection();
}

// Answers what has come whole; false when the connection is to be closed.
Task<bool> AdminServer::exchange(int socket, RequestReader& reader) {
  while (const auto request = reader.next()) {
    const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::steady_clock::now() - started_);
    const Response response =
        handle(*request, {state_, data_plane_, &checker_, uptime, options_.captures});
    if (response.capture) {
      const CaptureSurroundings around{*options_.captures, state_, data_plane_};
      co_await send_capture(ring_, socket, *response.capture, around);
      co_return false;
    }
    const bool keep = request->keep_alive;
    const bool head_only = request->method == "HEAD";
    std::string bytes = to_bytes(response, {.keep_alive = keep, .head_only = head_only});
    const bool sent = co_await send(socket, std::move(bytes));
    if (!sent || !keep) co_return false;
  }
  if (reader.refusal()) {
    std::string bytes = to_bytes(to_response(*reader.refusal()), {.keep_alive = false});
    const bool sent = co_await send(socket, std::move(bytes));
    if (sent) co_await drain(socket);
    co_return false;
  }
  if (!reader.take_continue()) co_return true;
  std::string bytes(continue_bytes);
  co_return co_await send(socket, std::move(bytes));
}

Task<bool> AdminServer::send(int socket, std::string bytes) {
  co_return co_await send_all(ring_, socket, bytes_of(bytes), send_timeout) == 0;
}

// Takes what the client still sends, so that closing does not reset the connection under an answer
// that the client has not read.
Task<void> AdminServer::drain(int socket) {
  shutdown(socket, SHUT_WR);
  std::vector<std::uint8_t> piece(piece_bytes);
  for (std::size_t taken = 0; taken < drain_bytes_max;) {
    const int length = co_await ring_.receive(socket, piece, drain_timeout);
    if (length <= 0) co_return;
    taken += static_cast<std::size_t>(length);
  }
}

}  // namespace sluice::control
