#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "core/config/snapshot.h"

namespace sluice::dataplane {

/// The current snapshot, swapped under the workers' feet without a lock: the feed publishes, each
/// worker borrows at the start of a burst, and an old snapshot is freed when every worker has begun
/// a later burst (quiescent states, as in McKenney's RCU).
class SnapshotCell {
 public:
  /// One worker's place; written by it, read by the feed.
  class alignas(64) Reader {
   public:
    /// The current snapshot, good until the next call. Call it at least every few milliseconds.
    /// Null before the first.
    [[nodiscard]] const Snapshot* borrow(const SnapshotCell& cell) {
      // Pairs with the fetch_add in wait_for_workers: who has seen the new epoch sees the new
      // pointer.
      seen_.store(cell.epoch_.load(std::memory_order_acquire), std::memory_order_release);
      return cell.current_.load(std::memory_order_acquire);
    }
    /// The worker has ended and will never borrow again.
    void retire() { seen_.store(~std::uint64_t{0}, std::memory_order_release); }

   private:
    friend class SnapshotCell;
    std::atomic<std::uint64_t> seen_{0};
  };

  explicit SnapshotCell(std::size_t workers) : readers_(workers) {}
  [[nodiscard]] Reader& reader(std::size_t worker) { return readers_[worker]; }

  /// Makes this snapshot the current one, waits until no worker uses the one before, and frees
  /// that. Feed only.
  void publish(std::unique_ptr<const Snapshot> snapshot) {
    current_.store(snapshot.get(), std::memory_order_release);
    wait_for_workers();
    owned_ = std::move(snapshot);
  }
  /// Returns when every worker has begun a burst after this call: what was taken from it before is
  /// in use no more. Feed only.
  void wait_for_workers() {
    const std::uint64_t epoch = epoch_.fetch_add(1, std::memory_order_acq_rel) + 1;
    for (const Reader& reader : readers_)
      while (reader.seen_.load(std::memory_order_acquire) < epoch)
        std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  /// What was published last; null before the first. Feed only.
  [[nodiscard]] const Snapshot* published() const { return owned_.get(); }

 private:
  std::atomic<const Snapshot*> current_{nullptr};  // feed: writes, workers: read
  std::atomic<std::uint64_t> epoch_{0};            // feed: writes, workers: read
  std::vector<Reader> readers_;
  std::unique_ptr<const Snapshot> owned_;
};

}  // namespace sluice::dataplane
