#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "core/capture/record.h"
#include "core/result.h"
#include "dataplane/capture/tap.h"

namespace sluice::dataplane {

/// One capture: a tap for each worker, and what the feed takes out of them. It must outlive the
/// workers' use of its taps.
class CaptureSession {
 public:
  using Clock = std::chrono::steady_clock;

  struct Place {
    std::uint16_t workers = 1;
    std::uint64_t epoch_ns = 0;                     // see CaptureTap
    std::size_t ring_bytes = std::size_t{4} << 20;  // of each worker
  };
  /// An error: the request asks for what cannot be.
  [[nodiscard]] static std::expected<std::unique_ptr<CaptureSession>, Error> make(
      CaptureRequest request, const Place& place, Clock::time_point now);

  [[nodiscard]] std::vector<CaptureTap*> taps();
  /// What has come since the last call, up to a bound; `ended` when it has its packets or its time
  /// is up.
  [[nodiscard]] CapturePiece take(Clock::time_point now);

 private:
  CaptureSession(const CaptureRequest& request, PacketFilter filter, const Place& place,
                 Clock::time_point now);

  PacketFilter filter_;
  std::deque<CaptureTap> taps_;
  std::uint32_t left_;
  Clock::time_point deadline_;
};

}  // namespace sluice::dataplane
