#include "dataplane/dpdk/buffer_pool.h"

#include <algorithm>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <utility>

namespace sluice::dataplane {
namespace {

constexpr std::uint16_t headroom_bytes =
    RTE_PKTMBUF_HEADROOM;  // 128: an outer IPv6 and a link header need 54
constexpr std::uint16_t data_room_bytes = 2048 + headroom_bytes;
constexpr std::uint32_t element_bytes = data_room_bytes + sizeof(rte_mbuf) + 64;
constexpr std::uint32_t page_bytes = 4096;
static_assert(element_bytes <= page_bytes);
constexpr std::uint32_t buffers_max = 1U << 20;
constexpr unsigned cache_buffers = 256;

rte_mbuf& mbuf_of(Buffer& buffer) { return reinterpret_cast<rte_mbuf&>(buffer); }

}  // namespace

void set_frame(Buffer& buffer, const Packet& packet) {
  rte_mbuf& mbuf = mbuf_of(buffer);
  mbuf.data_off =
      static_cast<std::uint16_t>(packet.data - static_cast<std::uint8_t*>(mbuf.buf_addr));
  mbuf.data_len = packet.length_bytes;
  mbuf.pkt_len = packet.length_bytes;
  mbuf.ol_flags = 0;
}

Packet packet_in(Buffer& buffer, PortIndex in_port) {
  rte_mbuf& mbuf = mbuf_of(buffer);
  Packet out;
  out.data = rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
  out.length_bytes = mbuf.data_len;
  out.headroom_bytes = mbuf.data_off;
  out.in_port = in_port;
  return out;
}

void release(std::span<Buffer* const> buffers) {
  for (Buffer* buffer : buffers) rte_pktmbuf_free(&mbuf_of(*buffer));
}

std::expected<BufferPool, Error> BufferPool::create(std::uint32_t memory_mib) {
  const std::uint64_t bytes = (std::uint64_t{memory_mib} << 20) * 3 / 4;
  // DPDK lets no buffer cross a page, so an ordinary one holds a single buffer.
  const std::uint32_t bytes_per_buffer = rte_eal_has_hugepages() != 0 ? element_bytes : page_bytes;
  const auto buffers = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(bytes / bytes_per_buffer, buffers_max) - 1);
  rte_mempool* pool = rte_pktmbuf_pool_create("packets", buffers, cache_buffers, 0, data_room_bytes,
                                              static_cast<int>(rte_socket_id()));
  if (pool == nullptr)
    return std::unexpected(
        Error{std::string("no memory for packet buffers: ") + rte_strerror(rte_errno),
              "[dataplane] memory", "raise memory, or reserve more hugepages"});
  return BufferPool(pool, buffers);
}

BufferPool::BufferPool(BufferPool&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), buffers_(other.buffers_) {}

BufferPool::~BufferPool() { rte_mempool_free(static_cast<rte_mempool*>(pool_)); }

}  // namespace sluice::dataplane
