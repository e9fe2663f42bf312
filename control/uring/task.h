#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace sluice::control {

class TaskGroup;

/// A coroutine that starts when it is awaited or given to a TaskGroup, and lives on the ring's
/// thread. It belongs to the group of whoever awaits it, so cancelling the group reaches every
/// operation below. Not copyable. An exception that leaves it ends the process: libraries that
/// throw are caught where they are called.
///
///   Task<int> read_greeting(Ring& ring, Socket& socket);
///   const int length = co_await read_greeting(ring, socket);
///
/// Name the result, as above: g++ 12 miscompiles a function with several co_await in conditions
/// (`if (co_await ...)`), and refuses braced lists in the arguments of what is awaited.
template <typename T = void>
class [[nodiscard]] Task;

namespace detail {

// What every task's promise has, whatever it returns.
struct PromiseBase {
  TaskGroup* group = nullptr;  // set before the task starts, by whoever starts it
  std::coroutine_handle<> awaiter = std::noop_coroutine();

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct Final {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
      return self.promise().awaiter;
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
};

template <typename T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <typename U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void take() {}
};

}  // namespace detail

template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <typename Promise>
  Handle await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    handle_.promise().group = awaiter.promise().group;
    handle_.promise().awaiter = awaiter;
    return handle_;
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  Handle handle_;
};

namespace detail {
template <typename T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}
}  // namespace detail

}  // namespace sluice::control
