#include "tools/sluicectl/drain.h"

#include <charconv>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fmt/format.h>
#include <unistd.h>

#include "tools/sluicectl/fields.h"
#include "tools/sluicectl/session.h"

namespace sluice::ctl {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int exit_interrupted = 128 + SIGINT;
constexpr timespec look_interval{.tv_sec = 1, .tv_nsec = 0};
// sluiced may be restarted meanwhile, and the data plane, too.
constexpr auto silence_max = 15s;

/// SIGINT and SIGTERM, asked for instead of taken, from here on to the end of the process.
class Interrupts {
 public:
  Interrupts() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  /// Waits for the interval, or until there is one; then true.
  [[nodiscard]] bool came_within(const timespec& interval) const {
    return sigtimedwait(&signals_, nullptr, &interval) > 0;
  }

 private:
  sigset_t signals_{};
};

std::string counted_flows(std::uint64_t flows) {
  return std::to_string(flows) + (flows == 1 ? " flow" : " flows");
}

/// Says how it goes: one line that is written over on a terminal, else a line each time.
class Progress {
 public:
  Progress(const Session& session, const BackendArgument& backend)
      : session_(session), backend_(backend), start_(Clock::now()) {}

  void say(std::string_view state, std::uint64_t flows) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start_);
    if (session_.json) {
      const Json json = {{"service", backend_.service},
                         {"backend", backend_.backend},
                         {"state", state},
                         {"flows_left", flows},
                         {"seconds", seconds.count()}};
      print(json.dump() + "\n");
    } else {
      print(fmt::format("{}{}: {} left after {} s{}", is_terminal_ ? "\r\033[K" : "", name(),
                        counted_flows(flows), seconds.count(), is_terminal_ ? "" : "\n"));
    }
    std::fflush(stdout);
    has_line_ = is_terminal_ && !session_.json;
  }
  /// The last words, for people.
  void end(const std::string& text) {
    if (session_.json) return;
    print((has_line_ ? "\n" : "") + name() + " " + text + "\n");
  }
  [[nodiscard]] std::string name() const { return backend_.service + "/" + backend_.backend; }

 private:
  const Session& session_;
  const BackendArgument& backend_;
  Clock::time_point start_;
  bool is_terminal_ = isatty(STDOUT_FILENO) == 1;
  bool has_line_ = false;
};

/// What one look at the backend gave.
struct Look {
  std::optional<std::uint64_t> flows;  // none: not known now, and `why` says why
  Error why;
  bool is_drained = true;
};

Look look_at(const Session& session, const BackendArgument& backend) {
  const auto answer =
      session.client.call("GET", "/v1/backends?service=" + percent_encode(backend.service));
  if (!answer) return {.flows = {}, .why = answer.error()};
  const Json json = parse_json(answer->body);
  if (!json.contains("backends"))
    return {.flows = {}, .why = {"the backend's service is gone", backend.service, ""}};
  // Until the data plane has heard of the drain it may still begin flows there.
  if (!json.at("live").get<bool>() || !json.at("in_sync").get<bool>())
    return {.flows = {},
            .why = {"sluice-dataplane does not forward by what is in force", "",
                    "look at `sluicectl status`"}};
  for (const Json& entry : json.at("backends"))
    if (text_of(entry, "name") == backend.backend)
      return {.flows = number_of(entry, "flows_active"),
              .why = {},
              .is_drained = entry.at("drained").get<bool>()};
  return {.flows = 0, .why = {}};  // removed: it has no flow any more
}

int wait_until_empty(const Session& session, const DrainWanted& wanted,
                     std::optional<std::chrono::seconds> deadline) {
  const Interrupts interrupts;
  const auto start = Clock::now();
  auto heard = start;
  Progress progress(session, wanted.backend);
  std::uint64_t left = 0;
  while (true) {
    const Look look = look_at(session, wanted.backend);
    if (look.flows) {
      heard = Clock::now();
      left = *look.flows;
      progress.say(left == 0 ? "empty" : "draining", left);
      if (left == 0) {
        progress.end("is empty: it can be taken away");
        return exit_ok;
      }
      if (!look.is_drained) {
        progress.end("takes new flows again: somebody has enabled it");
        return exit_refused;
      }
    } else if (Clock::now() - heard > silence_max) {
      progress.end("is drained still");
      print_error(look.why);
      return exit_unreachable;
    }
    if (deadline && Clock::now() - start >= *deadline) {
      progress.say("deadline", left);
      progress.end("still has " + counted_flows(left) + " at the deadline: it stays drained");
      return exit_refused;
    }
    if (!interrupts.came_within(look_interval)) continue;
    progress.say("interrupted", left);
    progress.end("stays drained; `sluicectl enable " + wanted.backend.service + " " +
                 wanted.backend.backend + "` takes that back");
    return exit_interrupted;
  }
}

}  // namespace

std::optional<std::chrono::seconds> parse_deadline(std::string_view text) {
  constexpr std::chrono::seconds deadline_max = std::chrono::days(7);
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [unit, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc{} || end - unit != 1) return std::nullopt;
  std::chrono::seconds out{number};
  if (*unit == 'm')
    out *= 60;
  else if (*unit == 'h')
    out *= 3'600;
  else if (*unit != 's')
    return std::nullopt;
  return out <= deadline_max ? std::optional(out) : std::nullopt;
}

int run_drain(const Session& session, const DrainWanted& wanted) {
  if (!wanted.wait && !wanted.deadline.empty()) {
    print_error({"--deadline goes with --wait", "", "write both, or neither"});
    return exit_unreachable;
  }
  const int status = drain_backend(session, wanted.backend, wanted.wait && session.json);
  if (status != exit_ok || !wanted.wait) return status;
  try {
    return wait_until_empty(session, wanted, parse_deadline(wanted.deadline));
  } catch (const Json::exception&) {
    print_error({"sluiced answered in a way that this sluicectl does not understand", "",
                 "run the sluicectl of sluiced's version (see --version)"});
    return exit_refused;
  }
}

}  // namespace sluice::ctl
