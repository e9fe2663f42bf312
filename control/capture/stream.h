#pragma once

#include <cstdint>
#include <string>

#include "control/admin/dataplane_view.h"
#include "control/capture/answer.h"
#include "control/capture/desk.h"
#include "control/state/state.h"
#include "control/uring/ring.h"

namespace sluice::control {

/// What the answer is written from.
struct CaptureSurroundings {
  CaptureDesk& desk;
  const State& state;
  DataplaneView& data_plane;
};

/// Sends the capture while it runs, in chunks (RFC 9112 section 7.1) of whole pcapng blocks or
/// lines of JSON, and what became of it in the trailer: Capture-Packets, Capture-Dropped,
/// Capture-Failed, Capture-End. Ends it when the client is gone.
[[nodiscard]] Task<void> send_capture(Ring& ring, int socket, CaptureAnswer answer,
                                      CaptureSurroundings surroundings);

/// Turns pieces of a capture into the bytes of its format.
class CaptureWriter {
 public:
  CaptureWriter(const CaptureAnswer& answer, const CaptureSurroundings& surroundings)
      : answer_(answer), around_(surroundings) {}
  [[nodiscard]] std::string begin() const;
  [[nodiscard]] std::string write(const CapturePiece& piece);
  [[nodiscard]] std::string end(const CapturePiece& last) const;
  [[nodiscard]] std::uint64_t packets() const { return packets_; }

 private:
  [[nodiscard]] std::string pcapng_of(const CapturedPacket& packet) const;
  [[nodiscard]] std::string trace_of(const CapturedPacket& packet) const;

  CaptureAnswer answer_;
  CaptureSurroundings around_;
  std::uint64_t packets_ = 0;
  std::uint64_t last_ns_ = 0;
};

}  // namespace sluice::control
