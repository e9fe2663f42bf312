#pragma once

#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <linux/time_types.h>
#include <memory>
#include <span>
#include <string>

#include "control/uring/task.h"
#include "core/net/address.h"
#include "core/result.h"

namespace sluice::control {

class TaskGroup;

/// One io_uring and the tasks that wait on it, all on the thread that creates it. Operations are
/// awaited; each gives what its system call would (a count or a descriptor, or -errno), -ETIME when
/// its timeout passed first, -ECANCELED when its group was cancelled. One that succeeded before its
/// cancellation reached it still gives its result, so that no accepted descriptor is lost. Memory
/// and descriptors given to an operation must live until it is over, which awaiting it ensures.
/// Descriptors must be blocking ones: with O_NONBLOCK the kernel answers -EAGAIN instead of
/// waiting.
class Ring {
 public:
  using Duration = std::chrono::nanoseconds;
  static constexpr Duration no_timeout = Duration::max();

  /// `entries`: operations that can be submitted at once, a power of two; more wait their turn.
  [[nodiscard]] static std::expected<std::unique_ptr<Ring>, Error> create(unsigned entries);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  /// Runs tasks until `stop`. Every group is then cancelled, and the tasks are run to their ends.
  /// Also ends when no task is left, for then nobody could stop it. Call it once.
  void run();
  /// From a task of this ring. Groups made from then on are born cancelled.
  void stop();

  class Operation;
  [[nodiscard]] Operation accept(int listener);
  [[nodiscard]] Operation connect(int socket, const Endpoint& to, Duration timeout);
  [[nodiscard]] Operation connect_unix(int socket, const std::string& path, Duration timeout);
  /// 0: the peer has closed.
  [[nodiscard]] Operation receive(int socket, std::span<std::uint8_t> into, Duration timeout);
  /// May send less than all; see send_all.
  [[nodiscard]] Operation send(int socket, std::span<const std::uint8_t> from, Duration timeout);
  /// Reads a descriptor that is no socket (signalfd).
  [[nodiscard]] Operation read(int file, std::span<std::uint8_t> into);
  /// Ends when the descriptor is readable, closed by its peer or broken; gives the poll events. It
  /// may be non-blocking.
  [[nodiscard]] Operation readable(int file, Duration timeout);
  /// 0 after the time, -ECANCELED before.
  [[nodiscard]] Operation sleep(Duration duration);

 private:
  friend class TaskGroup;
  struct State;
  explicit Ring(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// What a function of Ring returns: awaiting it begins it and gives its result. It stays where it
/// was made, in the frame of the task that awaits it.
class Ring::Operation {
 public:
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() = default;

  // Ready before it began: its arguments make no sense.
  [[nodiscard]] bool await_ready() const noexcept { return result_ < 0; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) {
    return begin(waiter, *waiter.promise().group);
  }
  int await_resume() const noexcept { return result_; }

 private:
  friend class Ring;
  friend class TaskGroup;
  friend struct Ring::State;
  enum class Kind : std::uint8_t { accept, connect, receive, send, read, readable, sleep };
  struct SocketAddress {
    alignas(8) std::array<std::byte, 128> bytes{};  // a sockaddr_storage
    std::uint32_t length_bytes = 0;                 // 0: there is no such address
  };
  struct Call {
    Kind kind;
    int file = -1;
    Duration timeout = no_timeout;
    void* memory = nullptr;
    std::size_t length_bytes = 0;
    SocketAddress address{};
  };
  Operation(State& ring, const Call& call);
  static SocketAddress socket_address(const Endpoint& endpoint);
  static SocketAddress socket_address(const std::string& path);
  /// False: it has ended already, with `result_`.
  bool begin(std::coroutine_handle<> waiter, TaskGroup& group);
  void end(int result);

  State& ring_;
  Call call_;
  __kernel_timespec timeout_;  // the kernel reads it while the operation is submitted
  int result_ = 0;
  bool submitted_ = false;
  bool cancelled_ = false;
  std::coroutine_handle<> waiter_;
  TaskGroup* group_ = nullptr;
  Operation* previous_ = nullptr;  // in the list of the group
  Operation* next_ = nullptr;
};

/// Tasks that are ended together. Destroy it only when `idle()`.
class TaskGroup {
 public:
  explicit TaskGroup(Ring& ring);
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  /// Starts the task at once; it runs until its first operation. Its frame is freed when it ends.
  void spawn(Task<void> task);
  /// Every operation that a task of the group waits on ends with -ECANCELED, and so does every
  /// later one.
  void cancel();
  [[nodiscard]] bool cancelled() const { return cancelled_; }
  /// No task is left.
  [[nodiscard]] bool idle() const { return tasks_ == 0; }
  /// Ends when the group is idle. At most one waiter, which must not be a task of the group. It is
  /// no operation: cancelling the waiter's own group does not end it, so cancel this one.
  [[nodiscard]] Task<void> join();

 private:
  friend class Ring;
  struct Driver;
  struct Idle;
  static Driver drive(TaskGroup& group, Task<void> task);
  void add(Ring::Operation& operation);
  void remove(Ring::Operation& operation);

  Ring::State& ring_;
  std::size_t tasks_ = 0;
  bool cancelled_ = false;
  Ring::Operation* first_ = nullptr;  // of the operations that its tasks wait on
  std::coroutine_handle<> joiner_;
};

/// Sends everything; 0, or -errno of the first failure. The timeout is for each part.
[[nodiscard]] Task<int> send_all(Ring& ring, int socket, std::span<const std::uint8_t> bytes,
                                 Ring::Duration timeout);

}  // namespace sluice::control
