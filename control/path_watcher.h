#pragma once

#include "control/netlink/path_finder.h"
#include "control/state/state.h"
#include "control/uring/ring.h"

namespace sluice::control {

/// Keeps the state's paths true: looks again when the kernel or the configuration has changed,
/// every second while a backend has no path, and every 30 seconds, which keeps the neighbours
/// fresh.
class PathWatcher {
 public:
  PathWatcher(Ring& ring, State& state, PathFinder finder);
  PathWatcher(const PathWatcher&) = delete;
  PathWatcher& operator=(const PathWatcher&) = delete;

  /// Looks once, then spawns the tasks that look again. The watcher must outlive them and the
  /// state's last change.
  void start(TaskGroup& group);

 private:
  [[nodiscard]] Task<void> follow_kernel();
  [[nodiscard]] Task<void> follow_clock();
  [[nodiscard]] Task<void> look_soon();
  void look();

  Ring& ring_;
  State& state_;
  PathFinder finder_;
  bool complete_ = false;      // every backend had a path at the last look
  bool looking_soon_ = false;  // because the configuration changed
};

}  // namespace sluice::control
