#pragma once

#include <cstdint>
#include <expected>
#include <span>

#include "core/result.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// A packet buffer of DPDK (an mbuf), seen from outside this folder only by pointer.
struct Buffer;

/// Lets a packet's frame be what the buffer holds, after the pipeline has moved its start or
/// changed its length.
void set_frame(Buffer& buffer, const Packet& packet);
/// The frame in a buffer as a packet that nobody has looked at.
[[nodiscard]] Packet packet_in(Buffer& buffer, PortIndex in_port);
/// Gives buffers back to their pools.
void release(std::span<Buffer* const> buffers);

/// The buffers of all ports, allocated once.
class BufferPool {
 public:
  /// As many buffers as fit three quarters of the memory; the rest is for descriptors and DPDK
  /// itself.
  [[nodiscard]] static std::expected<BufferPool, Error> create(std::uint32_t memory_mib);
  BufferPool(BufferPool&& other) noexcept;
  BufferPool& operator=(BufferPool&&) = delete;
  ~BufferPool();

  [[nodiscard]] void* handle() const { return pool_; }
  [[nodiscard]] std::uint32_t buffers() const { return buffers_; }

 private:
  BufferPool(void* pool, std::uint32_t buffers) : pool_(pool), buffers_(buffers) {}
  void* pool_;  // a mempool of DPDK
  std::uint32_t buffers_;
};

}  // namespace sluice::dataplane
