#include "control/path_watcher.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

namespace sluice::control {
namespace {

using namespace std::chrono_literals;

constexpr auto debounce_interval = 20ms;  // the kernel's changes come in swarms
constexpr auto resolve_interval = 1s;
constexpr auto refresh_interval = 30s;

std::vector<Address> backend_addresses(const Config& config) {
  std::vector<Address> out;
  for (const ServiceConfig& service : config.services)
    for (const BackendConfig& backend : service.backends) out.push_back(backend.address);
  std::ranges::sort(out);
  const auto repeated = std::ranges::unique(out);
  out.erase(repeated.begin(), repeated.end());
  return out;
}

}  // namespace

PathWatcher::PathWatcher(Ring& ring, State& state, PathFinder finder)
    : ring_(ring), state_(state), finder_(std::move(finder)) {}

void PathWatcher::start(TaskGroup& group) {
  look();
  // Not at once: others are still being told of this change.
  state_.subscribe([this, &group](const Touched& touched) {
    if (touched.config && !std::exchange(looking_soon_, true)) group.spawn(look_soon());
  });
  group.spawn(follow_kernel());
  group.spawn(follow_clock());
}

Task<void> PathWatcher::follow_kernel() {
  while (true) {
    const int readable = co_await ring_.readable(finder_.changes(), Ring::no_timeout);
    if (readable == -ECANCELED) co_return;
    const int slept = co_await ring_.sleep(debounce_interval);
    if (slept == -ECANCELED) co_return;
    if (finder_.drain_changes()) look();
  }
}

Task<void> PathWatcher::follow_clock() {
  auto waited = 0s;
  while (true) {
    const int slept = co_await ring_.sleep(resolve_interval);
    if (slept == -ECANCELED) co_return;
    waited += resolve_interval;
    if (complete_ && waited < refresh_interval) continue;
    look();
    waited = 0s;
  }
}

Task<void> PathWatcher::look_soon() {
  const int result = co_await ring_.sleep(0s);
  looking_soon_ = false;
  if (result == 0) look();
}

void PathWatcher::look() {
  const auto destinations = backend_addresses(state_.config());
  Paths paths = finder_.find(destinations, state_.config().ports);
  complete_ = paths.entries.size() >= destinations.size();
  state_.set_paths(std::move(paths));
}

}  // namespace sluice::control
