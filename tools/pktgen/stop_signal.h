#pragma once

#include <chrono>
#include <csignal>

namespace sluice::pktgen {

/// Ctrl-C and SIGTERM as something to wait for. Make it before any other thread, which then never
/// see them. After the first, the second one ends the process at once.
class StopSignal {
 public:
  StopSignal();
  /// Whether one has come; waits for it this long.
  [[nodiscard]] bool has_come_within(std::chrono::milliseconds wait);

 private:
  sigset_t signals_;
  bool has_come_ = false;
};

}  // namespace sluice::pktgen
