#include "control/table_watcher.h"

#include <cerrno>
#include <chrono>

#include "control/log.h"

namespace sluice::control {

Task<void> TableWatcher::follow_clock() {
  using namespace std::chrono_literals;
  while (true) {
    const int slept = co_await ring_.sleep(1s);
    if (slept == -ECANCELED) co_return;
    view_.refresh();
    if (view_.counters() == nullptr) continue;
    for (const std::string& line : alarms_.update(*view_.counters())) log_line(line);
  }
}

}  // namespace sluice::control
