#include "dataplane/capture/session.h"

#include <utility>

namespace sluice::dataplane {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 20;

std::expected<void, Error> check(const CaptureRequest& request) {
  const auto in = [](std::uint32_t value, std::uint32_t least, std::uint32_t most) {
    return value >= least && value <= most;
  };
  if (in(request.packets, 1, capture_packets_max) && in(request.seconds, 1, capture_seconds_max) &&
      in(request.snaplen, capture_snaplen_min, capture_snaplen_max))
    return {};
  return std::unexpected(
      Error{"the capture asks for too much or for nothing", "",
            "1 to 1000000 packets, 1 to 3600 seconds, 14 to 65535 bytes of each"});
}

}  // namespace

std::expected<std::unique_ptr<CaptureSession>, Error> CaptureSession::make(CaptureRequest request,
                                                                           const Place& place,
                                                                           Clock::time_point now) {
  if (auto sound = check(request); !sound) return std::unexpected(std::move(sound.error()));
  auto filter = PacketFilter::make(std::move(request.program));
  if (!filter) return std::unexpected(std::move(filter.error()));
  return std::unique_ptr<CaptureSession>(
      new CaptureSession(request, std::move(*filter), place, now));
}

CaptureSession::CaptureSession(const CaptureRequest& request, PacketFilter filter,
                               const Place& place, Clock::time_point now)
    : filter_(std::move(filter)),
      left_(request.packets),
      deadline_(now + std::chrono::seconds(request.seconds)) {
  for (std::uint16_t i = 0; i < place.workers; ++i)
    taps_.emplace_back(CaptureTap::Options{.filter = filter_,
                                           .packets = request.packets,
                                           .snaplen = request.snaplen,
                                           .with_sent = request.with_sent,
                                           .worker = i,
                                           .epoch_ns = place.epoch_ns,
                                           .ring_bytes = place.ring_bytes});
}

std::vector<CaptureTap*> CaptureSession::taps() {
  std::vector<CaptureTap*> out;
  for (CaptureTap& tap : taps_) out.push_back(&tap);
  return out;
}

CapturePiece CaptureSession::take(Clock::time_point now) {
  CapturePiece out;
  const bool is_late = now >= deadline_;
  const std::size_t bytes_max = is_late ? ~std::size_t{0} : piece_bytes;
  for (CaptureTap& tap : taps_) {
    left_ -= static_cast<std::uint32_t>(tap.ring().take(out.records, left_, bytes_max));
    out.dropped += tap.ring().dropped();
  }
  if (left_ == 0) {
    out.ended = true;
    out.reason = "it has the packets that were asked for";
  } else if (is_late) {
    out.ended = true;
    out.reason = "its time is up";
  }
  return out;
}

}  // namespace sluice::dataplane
