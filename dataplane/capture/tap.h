#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/capture/filter.h"
#include "core/capture/record.h"
#include "dataplane/capture/ring.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// One worker's end of a capture: copies the packets that the filter takes, before and after the
/// pipeline. Called for each burst in this order: `came`, Pipeline::process, `leave`, and `decided`
/// when the ports have taken what they take.
class CaptureTap {
 public:
  static constexpr std::size_t burst_packets_max = 64;

  struct Options {
    const PacketFilter& filter;  // lives as long as the tap
    std::uint32_t packets = 0;   // no more than these
    std::uint32_t snaplen = capture_snaplen_max;
    bool with_sent = false;
    std::uint16_t worker = 0;
    std::uint64_t epoch_ns = 0;  // added to the worker's clock gives the time since 1970
    std::size_t ring_bytes = 0;
  };
  explicit CaptureTap(const Options& options);

  // The worker.
  void came(std::span<Packet> burst, std::uint64_t now_ns);
  void leave(std::span<const Packet> burst);
  void decided(std::span<const Packet> burst);

  // The feed.
  [[nodiscard]] CaptureRing& ring() { return ring_; }

 private:
  Options options_;
  CaptureRing ring_;
  std::array<CaptureRecord*, burst_packets_max> records_{};  // in the ring; null: not taken
  std::uint32_t left_;
};

}  // namespace sluice::dataplane
