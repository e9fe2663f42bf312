#pragma once

#include <array>
#include <cstdint>

#include "bench/packets/cycles.h"
#include "bench/scene.h"
#include "dataplane/dpdk/buffer_pool.h"

namespace sluice::bench {

/// A burst of packets in DPDK's buffers, as a port would have received them.
class BufferBurst {
 public:
  BufferBurst(const dataplane::BufferPool& pool, const Watch& watch) : pool_(pool), watch_(watch) {}

  /// Takes buffers from the pool, lets the scene write its next frames into them and forward them,
  /// and gives them back. Ticks, without those of the writing: no port would have taken them.
  /// Without buffers it returns 0.
  [[nodiscard]] std::uint64_t forward(Scene& scene);
  /// Ticks of only taking the buffers and giving them back.
  [[nodiscard]] std::uint64_t take_and_give();

 private:
  // Two functions of their own whatever the compiler thinks, so that callgrind can be told to count
  // in them alone.
  [[gnu::noinline]] [[nodiscard]] bool take();
  [[gnu::noinline]] void handle(Scene& scene);
  void give();
  void write_frames(Scene& scene);

  const dataplane::BufferPool& pool_;
  Watch watch_;
  std::array<dataplane::Buffer*, burst_max> buffers_{};
  std::array<dataplane::Packet, burst_max> packets_{};
};

/// Sets a buffer's length and returns where its frame begins.
std::uint8_t* begin_frame(dataplane::Buffer& buffer, std::uint16_t length_bytes);

}  // namespace sluice::bench
