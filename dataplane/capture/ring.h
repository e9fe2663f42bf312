#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace sluice::dataplane {

/// Captured packets on their way from one worker to the feed: CaptureRecords in a ring of bytes,
/// each in one piece. The worker never waits: what has no room is counted.
class CaptureRing {
 public:
  /// `bytes`: a power of two, twice the longest record or more. Not touched before it is used.
  explicit CaptureRing(std::size_t bytes);

  // The worker.

  /// Room for a record of so many bytes, a multiple of CaptureRecord::alignment; null when there is
  /// none, which is counted. The feed does not see it before `commit`.
  [[nodiscard]] std::uint8_t* reserve(std::size_t bytes);
  /// Shows the feed everything that was reserved.
  void commit();

  // The feed.

  /// Appends up to `records_max` whole records to `out`, as long as they begin within `bytes_max`;
  /// returns how many.
  std::size_t take(std::string& out, std::size_t records_max, std::size_t bytes_max);
  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] std::uint8_t* at(std::uint64_t position) const {
    return memory_.get() + (position & (size_ - 1));
  }
  const std::size_t size_;
  const std::unique_ptr<std::uint8_t[]> memory_;
  std::uint64_t reserved_ = 0;                           // worker's own
  alignas(64) std::atomic<std::uint64_t> committed_{0};  // worker: writes, feed: reads
  std::atomic<std::uint64_t> dropped_{0};                // worker: writes, feed: reads
  alignas(64) std::atomic<std::uint64_t> taken_{0};      // feed: writes, worker: reads
};

}  // namespace sluice::dataplane
