#include "tools/pktgen/stop_signal.h"

#include <pthread.h>
#include <thread>

namespace sluice::pktgen {

StopSignal::StopSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

bool StopSignal::has_come_within(std::chrono::milliseconds wait) {
  if (has_come_) {
    std::this_thread::sleep_for(wait);
    return true;
  }
  const timespec time{wait.count() / 1'000, wait.count() % 1'000 * 1'000'000};
  if (sigtimedwait(&signals_, nullptr, &time) < 0) return false;
  has_come_ = true;
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  return true;
}

}  // namespace sluice::pktgen
