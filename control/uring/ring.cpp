#include "control/uring/ring.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unordered_set>
#include <utility>
#include <vector>

namespace sluice::control {

struct Ring::State {
  // What the kernel is to be told, in order: begin an operation, or cancel one. The order makes a
  // cancellation by address safe: an operation that reuses the address of an ended one comes later.
  struct Request {
    Operation* operation;
    bool cancel;
  };

  io_uring uring{};
  std::deque<Request> requests;
  std::vector<Operation*> ended;                 // without the kernel, to be resumed
  std::vector<std::coroutine_handle<>> joiners;  // of groups that became idle
  std::unordered_set<TaskGroup*> groups;
  std::size_t tasks = 0;
  bool stopping = false;

  void submit_requests();
  void fill(Operation& operation);
  void wait();
  void resume_ended();
  void reap();
};

namespace {

constexpr unsigned entries_each = 2;  // an operation and its timeout
constexpr std::size_t batch = 64;     // completions taken at once

__kernel_timespec to_timespec(Ring::Duration duration) {
  const auto nanoseconds = std::max(duration, Ring::Duration::zero()).count();
  return {.tv_sec = nanoseconds / 1'000'000'000, .tv_nsec = nanoseconds % 1'000'000'000};
}

int open_uring(unsigned entries, io_uring& uring) {
  // One thread submits, and its completions wait until it looks for them instead of interrupting it
  // (kernel 6.1).
  for (const unsigned flags :
       {IORING_SETUP_CLAMP | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
        IORING_SETUP_CLAMP}) {
    io_uring_params params{};
    params.flags = flags;
    const int result = io_uring_queue_init_params(std::max(entries, entries_each), &uring, &params);
    if (result != -EINVAL) return result;
  }
  return -EINVAL;
}

std::string remedy_for(int error) {
  switch (error) {
    case ENOSYS:
      return "the kernel must be 5.15 or newer, with io_uring built in";
    case EPERM:
    case EACCES:
      return "allow it: sysctl kernel.io_uring_disabled=0, and no seccomp filter against it";
    case ENOMEM:
      return "raise the limit of locked memory (ulimit -l)";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (ulimit -n)";
    default:
      return "the kernel must be 5.15 or newer";
  }
}

}  // namespace

std::expected<std::unique_ptr<Ring>, Error> Ring::create(unsigned entries) {
  auto state = std::make_unique<State>();
  if (const int result = open_uring(entries, state->uring); result < 0)
    return std::unexpected(Error{std::string("cannot set up io_uring: ") + std::strerror(-result),
                                 "", remedy_for(-result)});
  return std::unique_ptr<Ring>(new Ring(std::move(state)));
}

Ring::Ring(std::unique_ptr<State> state) : state_(std::move(state)) {}

Ring::~Ring() {
  assert(state_->tasks == 0);
  io_uring_queue_exit(&state_->uring);
}

void Ring::run() {
  while (state_->tasks > 0) {
    state_->submit_requests();
    state_->wait();
    state_->reap();
    state_->resume_ended();
  }
}

void Ring::stop() {
  state_->stopping = true;
  for (TaskGroup* group : state_->groups) group->cancel();
}

void Ring::State::submit_requests() {
  while (!requests.empty()) {
    // An operation and its timeout must go in one submission, or the link between them is lost.
    if (io_uring_sq_space_left(&uring) < entries_each && io_uring_submit(&uring) <= 0) return;
    if (io_uring_sq_space_left(&uring) < entries_each) return;
    const Request request = requests.front();
    requests.pop_front();
    if (request.cancel) {
      io_uring_sqe* entry = io_uring_get_sqe(&uring);
      io_uring_prep_cancel(entry, request.operation, 0);
      io_uring_sqe_set_data(entry, nullptr);
    } else if (request.operation->cancelled_) {
      ended.push_back(request.operation);
    } else {
      fill(*request.operation);
    }
  }
}

void Ring::State::fill(Operation& operation) {
  using Kind = Operation::Kind;
  const Operation::Call& call = operation.call_;
  io_uring_sqe* entry = io_uring_get_sqe(&uring);
  switch (call.kind) {
    case Kind::accept:
      io_uring_prep_accept(entry, call.file, nullptr, nullptr, SOCK_CLOEXEC);
      break;
    case Kind::connect:
      io_uring_prep_connect(entry, call.file,
                            reinterpret_cast<const sockaddr*>(call.address.bytes.data()),
                            call.address.length_bytes);
      break;
    case Kind::receive:
      io_uring_prep_recv(entry, call.file, call.memory, call.length_bytes, 0);
      break;
    case Kind::send:
      io_uring_prep_send(entry, call.file, call.memory, call.length_bytes, MSG_NOSIGNAL);
      break;
    case Kind::read:
      // -1: at the file's position, and for files that have none.
      io_uring_prep_read(entry, call.file, call.memory, static_cast<unsigned>(call.length_bytes),
                         static_cast<std::uint64_t>(-1));
      break;
    case Kind::readable:
      io_uring_prep_poll_add(entry, call.file, POLLIN);
      break;
    case Kind::sleep:
      io_uring_prep_timeout(entry, &operation.timeout_, 0, 0);
      break;
  }
  io_uring_sqe_set_data(entry, &operation);
  operation.submitted_ = true;
  if (call.timeout == no_timeout || call.kind == Kind::sleep) return;
  entry->flags |= IOSQE_IO_LINK;
  io_uring_sqe* timer = io_uring_get_sqe(&uring);
  io_uring_prep_link_timeout(timer, &operation.timeout_, 0);
  io_uring_sqe_set_data(timer, nullptr);
}

void Ring::State::wait() {
  const bool have_work = !ended.empty() || !joiners.empty();
  const int result =
      have_work ? io_uring_submit_and_get_events(&uring) : io_uring_submit_and_wait(&uring, 1);
  // Interrupted, short of memory, or completions to be taken first: the next turn tries again.
  if (result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY || result == -ENOMEM)
    return;
  std::fprintf(stderr, "sluiced: io_uring_enter: %s\n", std::strerror(-result));
  std::abort();
}

void Ring::State::reap() {
  struct Completion {
    Operation* operation;
    int result;
  };
  while (true) {
    std::array<io_uring_cqe*, batch> entries{};
    const unsigned count = io_uring_peek_batch_cqe(&uring, entries.data(), batch);
    if (count == 0) return;
    std::array<Completion, batch> completions{};
    for (unsigned i = 0; i < count; ++i)
      completions[i] = {static_cast<Operation*>(io_uring_cqe_get_data(entries[i])),
                        entries[i]->res};
    io_uring_cq_advance(&uring, count);
    for (unsigned i = 0; i < count; ++i)
      if (completions[i].operation != nullptr) completions[i].operation->end(completions[i].result);
  }
}

void Ring::State::resume_ended() {
  for (Operation* operation : std::exchange(ended, {})) operation->end(-ECANCELED);
  for (const std::coroutine_handle<> joiner : std::exchange(joiners, {})) joiner.resume();
}

Ring::Operation::Operation(State& ring, const Call& call)
    : ring_(ring), call_(call), timeout_(to_timespec(call.timeout)) {
  if (call.kind == Kind::connect && call.address.length_bytes == 0) result_ = -ENAMETOOLONG;
}

bool Ring::Operation::begin(std::coroutine_handle<> waiter, TaskGroup& group) {
  if (group.cancelled()) {
    result_ = -ECANCELED;
    return false;
  }
  waiter_ = waiter;
  group_ = &group;
  group.add(*this);
  ring_.requests.push_back({this, false});
  return true;
}

void Ring::Operation::end(int result) {
  // The kernel says -ECANCELED (or -EINTR from one of its workers) for timeouts and cancellations
  // alike.
  const bool cut_short = result == -ECANCELED || result == -EINTR;
  if (cut_short && cancelled_)
    result_ = -ECANCELED;
  else if (call_.kind == Kind::sleep)
    result_ = result == -ETIME ? 0 : result;
  else if (cut_short && call_.timeout != no_timeout)
    result_ = -ETIME;
  else
    result_ = result;
  group_->remove(*this);
  waiter_.resume();
}

Ring::Operation::SocketAddress Ring::Operation::socket_address(const Endpoint& endpoint) {
  SocketAddress out;
  const auto& bytes = endpoint.address.bytes();
  if (endpoint.address.is_ipv4()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port.value());
    std::memcpy(&address.sin_addr, bytes.data() + 12, sizeof address.sin_addr);
    std::memcpy(out.bytes.data(), &address, sizeof address);
    out.length_bytes = sizeof address;
  } else {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port.value());
    std::memcpy(&address.sin6_addr, bytes.data(), sizeof address.sin6_addr);
    std::memcpy(out.bytes.data(), &address, sizeof address);
    out.length_bytes = sizeof address;
  }
  return out;
}

Ring::Operation::SocketAddress Ring::Operation::socket_address(const std::string& path) {
  SocketAddress out;
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path) return out;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  std::memcpy(out.bytes.data(), &address, sizeof address);
  out.length_bytes = sizeof address;
  return out;
}

Ring::Operation Ring::accept(int listener) {
  return {*state_, {.kind = Operation::Kind::accept, .file = listener}};
}

Ring::Operation Ring::connect(int socket, const Endpoint& to, Duration timeout) {
  return {*state_,
          {.kind = Operation::Kind::connect,
           .file = socket,
           .timeout = timeout,
           .address = Operation::socket_address(to)}};
}

Ring::Operation Ring::connect_unix(int socket, const std::string& path, Duration timeout) {
  return {*state_,
          {.kind = Operation::Kind::connect,
           .file = socket,
           .timeout = timeout,
           .address = Operation::socket_address(path)}};
}

Ring::Operation Ring::receive(int socket, std::span<std::uint8_t> into, Duration timeout) {
  return {*state_,
          {.kind = Operation::Kind::receive,
           .file = socket,
           .timeout = timeout,
           .memory = into.data(),
           .length_bytes = into.size()}};
}

Ring::Operation Ring::send(int socket, std::span<const std::uint8_t> from, Duration timeout) {
  return {*state_,
          {.kind = Operation::Kind::send,
           .file = socket,
           .timeout = timeout,
           .memory = const_cast<std::uint8_t*>(from.data()),  // only read
           .length_bytes = from.size()}};
}

Ring::Operation Ring::read(int file, std::span<std::uint8_t> into) {
  return {*state_,
          {.kind = Operation::Kind::read,
           .file = file,
           .memory = into.data(),
           .length_bytes = into.size()}};
}

Ring::Operation Ring::readable(int file, Duration timeout) {
  return {*state_, {.kind = Operation::Kind::readable, .file = file, .timeout = timeout}};
}

Ring::Operation Ring::sleep(Duration duration) {
  return {*state_, {.kind = Operation::Kind::sleep, .timeout = duration}};
}

// Runs one task of a group and tells the group when its frame is gone.
struct TaskGroup::Driver {
  struct promise_type {
    TaskGroup* group;
    promise_type(TaskGroup& of, const Task<void>&) : group(&of) {}
    Driver get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };
};

struct TaskGroup::Idle {
  TaskGroup& group;
  [[nodiscard]] bool await_ready() const noexcept { return group.idle(); }
  void await_suspend(std::coroutine_handle<> waiter) noexcept { group.joiner_ = waiter; }
  void await_resume() noexcept {}
};

TaskGroup::TaskGroup(Ring& ring) : ring_(*ring.state_), cancelled_(ring.state_->stopping) {
  ring_.groups.insert(this);
}

TaskGroup::~TaskGroup() {
  assert(idle());
  ring_.groups.erase(this);
}

TaskGroup::Driver TaskGroup::drive(TaskGroup& group, Task<void> task) {
  Ring::State& ring = group.ring_;
  {
    Task<void> owned = std::move(task);
    co_await owned;
  }
  --ring.tasks;
  if (--group.tasks_ > 0 || !group.joiner_) co_return;
  // Not from here: the group may be gone when the joiner has run.
  ring.joiners.push_back(std::exchange(group.joiner_, {}));
}

void TaskGroup::spawn(Task<void> task) {
  ++tasks_;
  ++ring_.tasks;
  drive(*this, std::move(task));
}

void TaskGroup::cancel() {
  cancelled_ = true;
  for (Ring::Operation* operation = first_; operation != nullptr; operation = operation->next_) {
    if (std::exchange(operation->cancelled_, true)) continue;
    // One that is not submitted yet will not be.
    if (operation->submitted_) ring_.requests.push_back({operation, true});
  }
}

Task<void> TaskGroup::join() { co_await Idle{*this}; }

void TaskGroup::add(Ring::Operation& operation) {
  operation.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &operation;
  first_ = &operation;
}

void TaskGroup::remove(Ring::Operation& operation) {
  (operation.previous_ != nullptr ? operation.previous_->next_ : first_) = operation.next_;
  if (operation.next_ != nullptr) operation.next_->previous_ = operation.previous_;
}

Task<int> send_all(Ring& ring, int socket, std::span<const std::uint8_t> bytes,
                   Ring::Duration timeout) {
  while (!bytes.empty()) {
    const int sent = co_await ring.send(socket, bytes, timeout);
    if (sent < 0) co_return sent;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  co_return 0;
}

}  // namespace sluice::control
