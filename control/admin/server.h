#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <expected>
#include <string>
#include <utility>

#include "control/admin/dataplane_view.h"
#include "control/admin/http.h"
#include "control/capture/desk.h"
#include "control/state/state.h"
#include "control/uring/ring.h"
#include "control/uring/socket.h"
#include "core/result.h"

namespace sluice::control {

class Checker;

/// The control socket: HTTP and JSON (control/admin/api.h) over a unix socket. One task a
/// connection; answering does not wait, so requests are answered one after the other, whole.
class AdminServer {
 public:
  struct Options {
    std::string socket_path;
    std::string group;  // that may use the socket, besides the owner
    std::string run_dir;
    CaptureDesk* captures = nullptr;  // null: there are none
  };
  /// More connections wait in the listener's backlog.
  static constexpr std::size_t connections_max = 256;

  AdminServer(Ring& ring, State& state, const Checker& checker, Options options);
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  ~AdminServer();

  /// Listens, and spawns the tasks that accept and answer. The server must outlive them.
  [[nodiscard]] std::expected<void, Error> start(TaskGroup& group);

 private:
  // Waits until there is room for another connection. One waiter: the accepting task.
  struct Room {
    AdminServer& server;
    [[nodiscard]] bool await_ready() const { return server.connections_ < connections_max; }
    void await_suspend(std::coroutine_handle<> accepting) { server.accepting_ = accepting; }
    void await_resume() const {}
  };

  [[nodiscard]] Task<void> accept_connections();
  [[nodiscard]] Task<void> serve(Descriptor socket);
  [[nodiscard]] Task<bool> exchange(int socket, RequestReader& reader);
  [[nodiscard]] Task<bool> send(int socket, std::string bytes);
  [[nodiscard]] Task<void> drain(int socket);
  void end_connection();

  Ring& ring_;
  State& state_;
  const Checker& checker_;
  Options options_;
  DataplaneView data_plane_;
  std::chrono::steady_clock::time_point started_;
  TaskGroup* group_ = nullptr;
  Descriptor listener_;
  std::size_t connections_ = 0;
  std::coroutine_handle<> accepting_;  // while it waits for room
};

}  // namespace sluice::control
