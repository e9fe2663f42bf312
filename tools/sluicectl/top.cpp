#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>
#include <poll.h>
#include <unistd.h>

#include "tools/sluicectl/rates.h"
#include "tools/sluicectl/seeing.h"
#include "tools/sluicectl/session.h"
#include "tools/sluicectl/stream.h"

namespace sluice::ctl {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int status_ok = 200;

// On a terminal: from its top, what was below is gone.
constexpr std::string_view clear_screen = "\x1b[H\x1b[J";
constexpr std::string_view hide_cursor = "\x1b[?25l";
constexpr std::string_view show_cursor = "\x1b[?25h";

struct Sample {
  Json counters;
  Clock::time_point time;
};

// Nothing after a complaint, which sets `status`.
std::optional<Sample> sample(const Session& session, int& status) {
  const auto answer = session.client.call("GET", "/v1/counters");
  if (!answer) {
    print_error(answer.error());
    status = exit_unreachable;
    return std::nullopt;
  }
  Json json = parse_json(answer->body);
  if (answer->status == status_ok) return Sample{std::move(json), Clock::now()};
  print_refusal(json);
  status = exit_refused;
  return std::nullopt;
}

// Until SIGINT at most.
void wait(std::uint32_t seconds) {
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  while (!is_interrupted()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return;
    poll(nullptr, 0, static_cast<int>(left));  // a signal ends it
  }
}

int refresh(const Session& session, const TopWanted& wanted, bool on_screen) {
  int status = exit_ok;
  auto before = sample(session, status);
  while (before) {
    wait(wanted.interval_seconds);
    if (is_interrupted()) break;
    auto after = sample(session, status);
    if (!after) break;
    const double seconds = std::chrono::duration<double>(after->time - before->time).count();
    const Json rates = rates_between(before->counters, after->counters, seconds);
    if (on_screen) print(clear_screen);
    print(session.json ? rates.dump() + "\n" : show_rates(rates, session.show));
    if (wanted.once) break;
    if (!on_screen && !session.json) print("\n");
    if (std::fflush(stdout) != 0) break;
    before = std::move(after);
  }
  return status;
}

}  // namespace

int run_top(const Session& session, const TopWanted& wanted) {
  const bool on_screen = !wanted.once && !session.json && isatty(STDOUT_FILENO) == 1;
  catch_interrupts();
  if (on_screen) print(hide_cursor);
  int status = exit_refused;
  try {
    status = refresh(session, wanted, on_screen);
  } catch (const Json::exception&) {
    print_error({"sluiced answered in a way that this sluicectl does not understand", "",
                 "run the sluicectl of sluiced's version (see --version)"});
  }
  if (on_screen) print(show_cursor);
  return status;
}

}  // namespace sluice::ctl
