#include "tools/pktgen/trial.h"

#include <algorithm>
#include <atomic>
#include <rte_pause.h>
#include <thread>
#include <vector>

#include "tools/pktgen/pacer.h"

namespace sluice::pktgen {
namespace {

// What the threads tell one another and the reporter; each line is written by one of them.
struct Shared {
  alignas(64) std::atomic<bool> stop = false;  // the reporter: writes; workers: read
  // The sending worker: writes; the others: read. `over_ns` is stored last, and tells that `sent`
  // is final.
  alignas(64) std::atomic<std::uint64_t> sent = 0;
  std::atomic<std::uint64_t> over_ns = 0;
  // The receiving worker: writes; the reporter: reads.
  alignas(64) std::atomic<std::uint64_t> received = 0;
  std::atomic<std::uint64_t> foreign = 0;
  alignas(64) std::atomic<int> running = 0;
};

// The sending half of a worker.
class Sending {
 public:
  Sending(const Cast& cast, const Plan& plan, Shared& shared)
      : sender_(*cast.sender), plan_(plan), shared_(shared) {}

  void begin(std::uint64_t now_ns) {
    began_ns_ = now_ns;
    bytes_before_ = sender_.bytes();
    if (plan_.rate) pacer_.emplace(*plan_.rate, plan_.burst, now_ns);
  }
  // False when it is over.
  bool step(std::uint64_t now_ns) {
    const bool is_over = now_ns - began_ns_ >= static_cast<std::uint64_t>(plan_.duration.count()) ||
                         sent_ == plan_.count || shared_.stop.load(std::memory_order_relaxed);
    if (is_over) {
      end(now_ns);
      return false;
    }
    std::uint64_t due = pacer_ ? pacer_->due(now_ns) : plan_.burst;
    if (plan_.count) due = std::min(due, *plan_.count - sent_);
    if (due == 0) return true;
    const std::uint16_t taken = sender_.send(due, now_ns);
    if (pacer_) pacer_->sent(taken);
    sent_ += taken;
    shared_.sent.store(sent_, std::memory_order_relaxed);
    return true;
  }
  void tell(Outcome& outcome) const {
    outcome.sent = sent_;
    outcome.sent_bytes = sender_.bytes() - bytes_before_;
    outcome.given_up = pacer_ ? pacer_->given_up() : 0;
    outcome.sending_ns = ended_ns_ - began_ns_;
  }

 private:
  void end(std::uint64_t now_ns) {
    sender_.cancel();
    ended_ns_ = now_ns;
    shared_.over_ns.store(now_ns, std::memory_order_release);  // receiver: acquires
  }

  Sender& sender_;
  const Plan& plan_;
  Shared& shared_;
  std::optional<Pacer> pacer_;
  std::uint64_t began_ns_ = 0;
  std::uint64_t ended_ns_ = 0;
  std::uint64_t bytes_before_ = 0;
  std::uint64_t sent_ = 0;
};

// The receiving half.
class Receiving {
 public:
  Receiving(const Cast& cast, const Plan& plan, Shared& shared)
      : receiver_(*cast.receiver),
        sink_(*cast.sink),
        awaits_sender_(cast.sender != nullptr),
        plan_(plan),
        shared_(shared) {}

  void begin(std::uint64_t now_ns) { began_ns_ = now_ns; }
  // False when it is over.
  bool step(std::uint64_t now_ns) {
    if (receiver_.poll()) {
      shared_.received.store(sink_.counts().packets, std::memory_order_relaxed);
      shared_.foreign.store(sink_.counts().foreign, std::memory_order_relaxed);
    }
    const bool is_over = awaits_sender_ ? has_everything(now_ns) : has_seen_enough(now_ns);
    if (is_over) ended_ns_ = now_ns;
    return !is_over;
  }
  void tell(Outcome& outcome) const {
    outcome.received = sink_.counts();
    outcome.latency = sink_.latency();
    outcome.receiving_ns = ended_ns_ - began_ns_;
  }

 private:
  [[nodiscard]] bool has_everything(std::uint64_t now_ns) const {
    const std::uint64_t over_ns = shared_.over_ns.load(std::memory_order_acquire);
    if (over_ns == 0) return false;
    if (sink_.counts().packets >= shared_.sent.load(std::memory_order_relaxed)) return true;
    // Another core's clock may be a little behind.
    return now_ns > over_ns && now_ns - over_ns >= static_cast<std::uint64_t>(plan_.drain.count());
  }
  [[nodiscard]] bool has_seen_enough(std::uint64_t now_ns) const {
    return now_ns - began_ns_ >= static_cast<std::uint64_t>(plan_.duration.count()) ||
           sink_.counts().packets >= plan_.count.value_or(~std::uint64_t{0}) ||
           shared_.stop.load(std::memory_order_relaxed);
  }

  Receiver& receiver_;
  Sink& sink_;
  bool awaits_sender_;
  const Plan& plan_;
  Shared& shared_;
  std::uint64_t began_ns_ = 0;
  std::uint64_t ended_ns_ = 0;
};

// What one thread does: one half, or both by turns. Either may be null.
struct Worker {
  std::uint16_t core = 0;
  Sending* sending = nullptr;
  Receiving* receiving = nullptr;
  std::expected<void, Error> result;
};

void poll(const Worker& worker, const Clock& clock) {
  bool sends = worker.sending != nullptr;
  bool receives = worker.receiving != nullptr;
  const std::uint64_t began_ns = clock.now_ns();
  if (sends) worker.sending->begin(began_ns);
  if (receives) worker.receiving->begin(began_ns);
  while (sends || receives) {
    const std::uint64_t now_ns = clock.now_ns();
    if (sends) sends = worker.sending->step(now_ns);
    if (receives) receives = worker.receiving->step(now_ns);
    rte_pause();
  }
}

void work(Worker& worker, const Clock& clock, Shared& shared) {
  worker.result = enter_worker_thread(worker.core);
  if (worker.result) {
    poll(worker, clock);
    leave_worker_thread();
  } else {
    // The other thread is not to wait for this one.
    shared.stop = true;
    if (worker.sending != nullptr) shared.over_ns = clock.now_ns();
  }
  --shared.running;
}

std::vector<Worker> share_out(std::span<const std::uint16_t> cores, Sending* sending,
                              Receiving* receiving) {
  std::vector<Worker> out;
  if (cores.size() == 1)
    out.push_back({cores.front(), sending, receiving, {}});
  else
    out.insert(out.end(),
               {{cores.front(), sending, nullptr, {}}, {cores.back(), nullptr, receiving, {}}});
  return out;
}

Progress progress_of(const Shared& shared, std::chrono::nanoseconds time) {
  return {time, shared.sent.load(std::memory_order_relaxed),
          shared.received.load(std::memory_order_relaxed),
          shared.foreign.load(std::memory_order_relaxed)};
}

// Waits for the workers, and lets the caller see how they get on. True when it was interrupted.
bool watch(Shared& shared, const Interrupted& interrupted, const EachSecond& each_second) {
  using std::chrono::steady_clock;
  const auto began = steady_clock::now();
  auto next = began + std::chrono::seconds(1);
  bool was_interrupted = false;
  while (shared.running.load(std::memory_order_acquire) != 0) {
    if (interrupted()) {
      was_interrupted = true;
      shared.stop.store(true, std::memory_order_relaxed);
    }
    const auto now = steady_clock::now();
    if (now < next) continue;
    each_second(progress_of(shared, now - began));
    next += std::chrono::seconds(1);
  }
  return was_interrupted;
}

std::uint64_t lost_of(const Outcome& outcome, const Cast& cast) {
  if (cast.sink == nullptr) return 0;
  const std::uint64_t expected = cast.sender != nullptr ? outcome.sent : cast.sink->span();
  return expected - std::min(expected, outcome.received.packets);
}

}  // namespace

std::uint64_t per_second(std::uint64_t packets, std::uint64_t time_ns) {
  if (time_ns == 0) return 0;
  return static_cast<std::uint64_t>(static_cast<double>(packets) * 1e9 /
                                    static_cast<double>(time_ns));
}

std::uint64_t Outcome::sent_pps() const { return per_second(sent, sending_ns); }
std::uint64_t Outcome::received_pps() const {
  // What is still on its way at the end was sent at the sender's rate.
  return per_second(received.packets, sending_ns != 0 ? sending_ns : receiving_ns);
}

std::expected<std::unique_ptr<Outcome>, Error> run_trial(const Cast& cast, const Plan& plan,
                                                         const Interrupted& interrupted,
                                                         const EachSecond& each_second) {
  auto outcome = std::make_unique<Outcome>();
  outcome->asked = plan.rate;
  if (cast.sink != nullptr)
    cast.sink->begin(
        cast.generator != nullptr ? std::optional(cast.generator->sequence()) : std::nullopt,
        cast.clock.now_ns());
  Shared shared;
  std::optional<Sending> sending;
  std::optional<Receiving> receiving;
  if (cast.sender != nullptr) sending.emplace(cast, plan, shared);
  if (cast.receiver != nullptr) receiving.emplace(cast, plan, shared);
  std::vector<Worker> workers =
      share_out(cast.cores, sending ? &*sending : nullptr, receiving ? &*receiving : nullptr);
  shared.running = static_cast<int>(workers.size());
  {
    std::vector<std::jthread> threads;
    for (Worker& worker : workers)
      threads.emplace_back([&worker, &cast, &shared] { work(worker, cast.clock, shared); });
    outcome->interrupted = watch(shared, interrupted, each_second);
  }
  for (const Worker& worker : workers)
    if (!worker.result) return std::unexpected(worker.result.error());
  if (sending) sending->tell(*outcome);
  if (receiving) receiving->tell(*outcome);
  outcome->lost = lost_of(*outcome, cast);
  return outcome;
}

}  // namespace sluice::pktgen
