#pragma once

#include <string>

#include "control/admin/dataplane_view.h"
#include "control/table_use.h"
#include "control/uring/ring.h"

namespace sluice::control {

/// Looks once a second how full the data plane's tables are, and logs when one crosses a level.
class TableWatcher {
 public:
  TableWatcher(Ring& ring, const std::string& run_dir) : ring_(ring), view_(run_dir) {}
  TableWatcher(const TableWatcher&) = delete;
  TableWatcher& operator=(const TableWatcher&) = delete;

  /// The watcher must outlive the task.
  void start(TaskGroup& group) { group.spawn(follow_clock()); }

 private:
  [[nodiscard]] Task<void> follow_clock();

  Ring& ring_;
  DataplaneView view_;
  TableAlarms alarms_;
};

}  // namespace sluice::control
