#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/health/probe.h"
#include "control/state/state.h"
#include "control/uring/ring.h"
#include "core/health/probe_target.h"
#include "core/health/state.h"

namespace sluice::control {

/// How the last probe of a target went.
struct ProbeRecord {
  std::chrono::system_clock::time_point at;  // its start
  std::chrono::microseconds latency{0};
  bool success = false;
  std::string reason;
};

/// Probes every backend whose service has a health check, each in a task of its own, so that there
/// is at most one probe a target under way. Only flips go to the state. A configuration change
/// leaves the tasks of unchanged targets alone.
class Checker {
 public:
  Checker(Ring& ring, State& state);
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;
  ~Checker();

  /// Probes what the state's configuration has, now and after each change, until the ring stops.
  /// Must outlive both the changes and the ring's run.
  void start();

  /// Null: not probed yet, or not at all. Valid until the next turn of the ring.
  [[nodiscard]] const ProbeRecord* last_probe(const BackendName& name) const;

 private:
  struct Watch;
  void follow_config();
  [[nodiscard]] std::unique_ptr<Watch> make_watch(const ProbeTarget& target, const Watch* before);
  void retire(std::unique_ptr<Watch> watch);
  [[nodiscard]] Task<void> run_watch(Watch& watch);
  void note(Watch& watch, ProbeRecord record);
  [[nodiscard]] Task<void> publish_soon();
  [[nodiscard]] Task<void> settle();
  [[nodiscard]] std::chrono::milliseconds settle_time() const;

  Ring& ring_;
  State& state_;
  bool publishing_ = false;
  std::chrono::steady_clock::time_point published_;  // when flips were told last
  bool settled_ = false;  // every target has been judged, or had the time to be
  TaskGroup publishers_;
  std::map<BackendName, std::unique_ptr<Watch>> watches_;
  std::vector<std::unique_ptr<Watch>> retired_;  // cancelled, and freed when their task has ended
};

}  // namespace sluice::control
