#pragma once

#include <cstdint>
#include <expected>
#include <span>

#include "core/result.h"
#include "dataplane/dpdk/buffer_pool.h"

namespace sluice::dataplane {

/// A queue of buffers towards one worker: any worker puts, that one takes. Bounded.
class HandOver {
 public:
  [[nodiscard]] static std::expected<HandOver, Error> create(std::uint16_t worker);
  HandOver(HandOver&& other) noexcept;
  HandOver& operator=(HandOver&&) = delete;
  ~HandOver();

  /// False when the queue is full; the buffer stays the caller's.
  [[nodiscard]] bool put(Buffer& buffer, PortIndex in_port);
  /// Fills both spans from the front and returns how many.
  [[nodiscard]] std::uint16_t take(std::span<Buffer*> buffers, std::span<Packet> packets);

 private:
  explicit HandOver(void* ring) : ring_(ring) {}
  void* ring_;
};

}  // namespace sluice::dataplane
