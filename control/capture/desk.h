#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <vector>

#include "core/capture/record.h"
#include "core/contract/message.h"
#include "core/result.h"

namespace sluice::control {

/// The capture that is running, between whoever asked for it on the control socket and the data
/// plane: one at a time.
class CaptureDesk {
 public:
  /// Of what nobody has taken yet; beyond that pieces are thrown away.
  static constexpr std::size_t waiting_bytes_max = std::size_t{32} << 20;

  // For the control socket.

  /// Begins one; whoever does has to `end` it. An error: another one runs, or there is no data
  /// plane.
  [[nodiscard]] std::expected<void, Error> begin(CaptureRequest request);
  [[nodiscard]] bool is_busy() const { return number_ != 0; }
  /// What has come since the last call.
  [[nodiscard]] CapturePiece take();
  /// The data plane is told to stop, unless it has by itself.
  void end();

  // For the publisher.

  /// Who is called when there is something to tell the data plane.
  void on_news(std::function<void()> call) { on_news_ = std::move(call); }
  /// Messages to the data plane, each given once.
  [[nodiscard]] std::vector<std::uint8_t> news();
  void arrive(std::uint64_t number, CapturePiece piece);
  void connected();
  void disconnected();

 private:
  void tell(std::vector<std::uint8_t> message);

  std::function<void()> on_news_;
  bool has_data_plane_ = false;
  std::uint64_t last_number_ = 0;
  std::uint64_t number_ = 0;  // from `begin` to `end`; 0: there is none
  std::vector<std::uint8_t> news_;
  CapturePiece waiting_;
  std::uint64_t thrown_away_ = 0;  // packets of this capture
};

}  // namespace sluice::control
