#pragma once

#include <expected>
#include <memory>
#include <string>

#include "control/admin/server.h"
#include "control/capture/desk.h"
#include "control/health/checker.h"
#include "control/path_watcher.h"
#include "control/publish/publisher.h"
#include "control/slow_start.h"
#include "control/state/state.h"
#include "control/table_watcher.h"
#include "control/uring/ring.h"
#include "control/uring/socket.h"
#include "core/result.h"

namespace sluice::control {

/// sluiced, put together: every part of it and the ring that they all run on.
class Daemon {
 public:
  struct Options {
    std::string run_dir;
    std::string group;  // that may use the control socket
  };
  /// Everything that can fail is opened here. `state` is loaded. Blocks SIGTERM, SIGINT and SIGHUP
  /// for this thread, since they are read from a descriptor.
  [[nodiscard]] static std::expected<std::unique_ptr<Daemon>, Error> open(State& state,
                                                                          Options options);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();

  /// Until SIGTERM or SIGINT; SIGHUP reloads the configuration. An error: the control socket cannot
  /// be opened.
  [[nodiscard]] std::expected<void, Error> run();

 private:
  Daemon(State& state, Options options, std::unique_ptr<Ring> ring, PathFinder finder,
         Descriptor signals);
  [[nodiscard]] Task<void> follow_signals();
  void reload();
  void log_storage_warning();

  State& state_;
  Options options_;
  std::string logged_warning_;
  Descriptor signals_;
  std::unique_ptr<Ring> ring_;
  TaskGroup tasks_;
  Checker checker_;
  CaptureDesk captures_;
  Publisher publisher_;
  PathWatcher path_watcher_;
  TableWatcher table_watcher_;
  SlowStart slow_start_;
  AdminServer admin_;
};

}  // namespace sluice::control
