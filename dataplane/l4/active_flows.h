#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/config/snapshot.h"
#include "core/contract/shared_memory.h"

namespace sluice::dataplane {

/// How many flows each backend has: one gauge a worker and backend, in the shared counters. A
/// worker changes its own alone and reads those of all. Entries of a backend that is gone count
/// under its number until they are forgotten.
class ActiveFlows {
 public:
  /// `all` holds every worker's counters, `own` among them.
  ActiveFlows(WorkerCounters& own, std::span<WorkerCounters> all) : own_(own), all_(all) {}

  [[nodiscard]] static bool counts(FlowState state) {
    return state != FlowState::empty && state != FlowState::closing;
  }
  void add(Target target) { change(target, 1); }
  void remove(Target target) { change(target, ~std::uint64_t{0}); }

  /// Over all workers; others' may be a burst old.
  [[nodiscard]] std::uint64_t on(BackendId backend) const {
    std::uint64_t sum = 0;
    for (WorkerCounters& worker : all_)
      // Pairs with the store in `change` of that worker.
      sum += std::atomic_ref(worker.backends[static_cast<std::size_t>(backend)].active)
                 .load(std::memory_order_relaxed);
    return sum;
  }

 private:
  void change(Target target, std::uint64_t difference) {
    std::uint64_t& active = own_.backends[static_cast<std::size_t>(target.backend())].active;
    std::atomic_ref(active).store(active + difference, std::memory_order_relaxed);
  }

  WorkerCounters& own_;
  std::span<WorkerCounters> all_;
};

}  // namespace sluice::dataplane
