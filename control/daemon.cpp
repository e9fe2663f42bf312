#include "control/daemon.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/signalfd.h>
#include <utility>

#include "control/log.h"
#include "control/notify.h"

namespace sluice::control {
namespace {

constexpr unsigned ring_entries = 1'024;

std::expected<Descriptor, Error> open_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&wanted, number);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  Descriptor out(signalfd(-1, &wanted, SFD_CLOEXEC));
  if (!out)
    return std::unexpected(
        Error{std::string("cannot make a descriptor of signals: ") + std::strerror(errno), "", ""});
  return out;
}

void log_plan(const Plan& plan) {
  log_line("reloaded the configuration: " +
           (plan.changes.empty() ? "nothing changed"
                                 : "changes: " + std::to_string(plan.changes.size())));
  for (const Change& change : plan.changes)
    log_line(std::string(spell(change.kind)) + " " + change.subject +
             (change.detail.empty() ? "" : ": " + change.detail) +
             (change.needs_restart ? " (needs a restart of sluice-dataplane)" : ""));
  for (const SlotShift& shift : plan.shifts)
    log_line("service " + shift.service + ": " + std::to_string(shift.slots_moved) + " of " +
             std::to_string(shift.slots) + " slots move to another backend");
}

}  // namespace

std::expected<std::unique_ptr<Daemon>, Error> Daemon::open(State& state, Options options) {
  auto signals = open_signals();
  if (!signals) return std::unexpected(std::move(signals.error()));
  auto ring = Ring::create(ring_entries);
  if (!ring) return std::unexpected(std::move(ring.error()));
  auto finder = PathFinder::open();
  if (!finder) return std::unexpected(std::move(finder.error()));
  return std::unique_ptr<Daemon>(new Daemon(state, std::move(options), std::move(*ring),
                                            std::move(*finder), std::move(*signals)));
}

Daemon::Daemon(State& state, Options options, std::unique_ptr<Ring> ring, PathFinder finder,
               Descriptor signals)
    : state_(state),
      options_(std::move(options)),
      signals_(std::move(signals)),
      ring_(std::move(ring)),
      tasks_(*ring_),
      checker_(*ring_, state_),
      publisher_(*ring_, state_, options_.run_dir + "/dataplane.sock", &captures_),
      path_watcher_(*ring_, state_, std::move(finder)),
      table_watcher_(*ring_, options_.run_dir),
      slow_start_(*ring_, state_),
      admin_(*ring_, state_, checker_,
             {.socket_path = options_.run_dir + "/control.sock",
              .group = options_.group,
              .run_dir = options_.run_dir,
              .captures = &captures_}) {}

Daemon::~Daemon() = default;

std::expected<void, Error> Daemon::run() {
  if (auto listening = admin_.start(tasks_); !listening) {
    tasks_.cancel();
    ring_->run();
    return listening;
  }
  state_.subscribe([this](const Touched&) { log_storage_warning(); });
  log_storage_warning();
  // Paths before the publisher, so that the first thing the data plane hears is complete.
  path_watcher_.start(tasks_);
  publisher_.start(tasks_);
  checker_.start();
  table_watcher_.start(tasks_);
  slow_start_.start(tasks_);
  tasks_.spawn(follow_signals());
  notify_ready();
  ring_->run();
  return {};
}

Task<void> Daemon::follow_signals() {
  while (true) {
    signalfd_siginfo signal{};
    const std::span bytes(reinterpret_cast<std::uint8_t*>(&signal), sizeof signal);
    const int count = co_await ring_->read(signals_.number(), bytes);
    if (count == -ECANCELED) co_return;
    if (count != static_cast<int>(sizeof signal)) continue;
    if (signal.ssi_signo == SIGHUP) {
      reload();
      continue;
    }
    notify_stopping();
    log_line("stopping; the data plane goes on forwarding");
    ring_->stop();
    co_return;
  }
}

void Daemon::reload() {
  notify_reloading();
  if (const auto plan = state_.reload()) {
    log_plan(*plan);
  } else {
    log_line("the configuration stays as it was, for the file cannot be used:");
    for (const FileError& error : plan.error()) log_line(error.text());
  }
  notify_ready();
}

void Daemon::log_storage_warning() {
  if (state_.storage_warning() == logged_warning_) return;
  logged_warning_ = state_.storage_warning();
  if (!logged_warning_.empty()) log_line("warning: " + logged_warning_);
}

}  // namespace sluice::control
