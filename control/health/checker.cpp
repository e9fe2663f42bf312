#include "control/health/checker.h"

#include <algorithm>
#include <random>
#include <utility>

#include "control/log.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// The first flip is told at once. Those that follow this close make one update, for a failing rack
// takes many backends with it.
constexpr auto publish_interval = 10ms;
constexpr std::chrono::milliseconds first_delay_max = 1s;
constexpr std::chrono::milliseconds settle_time_max = 30s;
constexpr std::chrono::milliseconds settle_slack = 500ms;  // for a busy machine

// Spreads the probes of many targets over their interval.
std::chrono::milliseconds first_delay(std::chrono::milliseconds interval) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto most = std::min(interval, first_delay_max).count();
  return std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(0, most)(random));
}

std::string flip_text(const ProbeTarget& target, TargetState state, bool was_unknown,
                      const std::string& reason) {
  const bool up = state == TargetState::up;
  const int count = !up ? target.probe.fall : was_unknown ? 1 : target.probe.rise;
  return "backend " + target.name.service + "/" + target.name.backend + " is " +
         std::string(spell(state)) + ": " + reason + " (after " + std::to_string(count) +
         (up ? " success" : " failure") +
         (count == 1 ? ""
          : up       ? "es"
                     : "s") +
         ")";
}

}  // namespace

struct Checker::Watch {
  Watch(Ring& ring, const ProbeTarget& of)
      : target(of), health(of.probe.rise, of.probe.fall), group(ring) {}

  ProbeTarget target;
  TargetHealth health;
  std::optional<ProbeRecord> last;
  TaskGroup group;
};

Checker::Checker(Ring& ring, State& state) : ring_(ring), state_(state), publishers_(ring) {}

Checker::~Checker() = default;

void Checker::start() {
  state_.subscribe([this](const Touched& touched) {
    if (touched.config) follow_config();
  });
  follow_config();
  publishers_.spawn(settle());
}

const ProbeRecord* Checker::last_probe(const BackendName& name) const {
  const auto watch = watches_.find(name);
  return watch != watches_.end() && watch->second->last ? &*watch->second->last : nullptr;
}

void Checker::follow_config() {
  std::erase_if(retired_, [](const auto& watch) { return watch->group.idle(); });
  auto before = std::exchange(watches_, {});
  for (const ProbeTarget& target : probe_targets(state_.config())) {
    const auto old = before.find(target.name);
    if (old != before.end() && old->second->target == target) {
      watches_.insert(before.extract(old));
      continue;
    }
    const auto& watch = watches_[target.name] =
        make_watch(target, old == before.end() ? nullptr : old->second.get());
    watch->group.spawn(run_watch(*watch));
  }
  for (auto& [name, watch] : before) retire(std::move(watch));
}

std::unique_ptr<Checker::Watch> Checker::make_watch(const ProbeTarget& target,
                                                    const Watch* before) {
  auto out = std::make_unique<Watch>(ring_, target);
  // The state keeps what it knows by the same rule.
  if (before != nullptr && same_question(before->target, target)) {
    out->health = before->health;
    out->health.set_thresholds(target.probe.rise, target.probe.fall);
    out->last = before->last;
  }
  return out;
}

void Checker::retire(std::unique_ptr<Watch> watch) {
  watch->group.cancel();
  retired_.push_back(std::move(watch));
}

Task<void> Checker::run_watch(Watch& watch) {
  co_await ring_.sleep(first_delay(watch.target.probe.interval));
  auto next = Clock::now();
  while (!watch.group.cancelled()) {
    const auto at = std::chrono::system_clock::now();
    const auto start = Clock::now();
    ProbeResult result = co_await run_probe(ring_, watch.target);
    if (watch.group.cancelled()) co_return;
    const auto latency =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    note(watch, {at, latency, result.success, std::move(result.reason)});
    // From start to start; after a hold-up (a suspended machine) missed probes are not made up for.
    next = std::max(next + watch.target.probe.interval, Clock::now());
    co_await ring_.sleep(next - Clock::now());
  }
}

void Checker::note(Watch& watch, ProbeRecord record) {
  watch.last = std::move(record);
  const bool was_unknown = watch.health.state() == TargetState::unknown;
  if (!watch.health.observe(watch.last->success)) return;
  const TargetState state = watch.health.state();
  log_line(flip_text(watch.target, state, was_unknown, watch.last->reason));
  state_.set_health(watch.target.name, state, watch.last->reason);
  if (!std::exchange(publishing_, true)) publishers_.spawn(publish_soon());
}

Task<void> Checker::publish_soon() {
  const auto wait = published_ + publish_interval - Clock::now();
  const int result = co_await ring_.sleep(std::max(wait, Clock::duration::zero()));
  publishing_ = false;
  if (result != 0) co_return;
  settled_ = settled_ || std::ranges::none_of(watches_, [](const auto& named) {
               return named.second->health.state() == TargetState::unknown;
             });
  if (!settled_) co_return;
  state_.publish_health();
  published_ = Clock::now();
}

Task<void> Checker::settle() {
  const int result = co_await ring_.sleep(settle_time());
  if (result != 0 || std::exchange(settled_, true)) co_return;
  state_.publish_health();
}

// A first success is a verdict; so are `fall` failures, and it takes no more probes than that.
std::chrono::milliseconds Checker::settle_time() const {
  std::chrono::milliseconds out{0};
  for (const auto& [name, watch] : watches_) {
    const HealthConfig& probe = watch->target.probe;
    out = std::max(out, std::min(probe.interval, first_delay_max) +
                            probe.interval * (probe.fall - 1) + probe.timeout);
  }
  return out.count() == 0 ? out : std::min(out + settle_slack, settle_time_max);
}

}  // namespace sluice::control
