#include "bench/packets/buffers.h"

#include <rte_mbuf.h>

namespace sluice::bench {
namespace {

rte_mbuf** mbufs_of(std::array<dataplane::Buffer*, burst_max>& buffers) {
  return reinterpret_cast<rte_mbuf**>(buffers.data());
}

}  // namespace

std::uint8_t* begin_frame(dataplane::Buffer& buffer, std::uint16_t length_bytes) {
  auto& mbuf = reinterpret_cast<rte_mbuf&>(buffer);
  mbuf.data_len = length_bytes;
  mbuf.pkt_len = length_bytes;
  return rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
}

bool BufferBurst::take() {
  return rte_pktmbuf_alloc_bulk(static_cast<rte_mempool*>(pool_.handle()), mbufs_of(buffers_),
                                burst_max) == 0;
}

void BufferBurst::give() { rte_pktmbuf_free_bulk(mbufs_of(buffers_), burst_max); }

void BufferBurst::write_frames(Scene& scene) {
  for (dataplane::Buffer* buffer : buffers_)
    scene.write_frame(begin_frame(*buffer, scene.frame_bytes()));
}

// What a worker does with a burst, but for the port.
void BufferBurst::handle(Scene& scene) {
  for (std::size_t i = 0; i < burst_max; ++i) packets_[i] = dataplane::packet_in(*buffers_[i], 0);
  scene.process(packets_);
  for (std::size_t i = 0; i < burst_max; ++i) dataplane::set_frame(*buffers_[i], packets_[i]);
  give();
}

std::uint64_t BufferBurst::forward(Scene& scene) {
  watch_.start();
  if (!take()) return 0;
  const std::uint64_t taking = watch_.stop();
  write_frames(scene);
  watch_.start();
  handle(scene);
  return taking + watch_.stop();
}

std::uint64_t BufferBurst::take_and_give() {
  watch_.start();
  if (!take()) return 0;
  give();
  return watch_.stop();
}

}  // namespace sluice::bench
