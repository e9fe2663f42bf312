#include "tools/pktgen/receiver.h"

#include <array>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

namespace sluice::pktgen {
namespace {

constexpr std::uint16_t burst = 64;

}  // namespace

bool Receiver::poll() {
  std::array<rte_mbuf*, burst> mbufs;
  const std::uint16_t count = rte_eth_rx_burst(device_id_, 0, mbufs.data(), burst);
  if (count == 0) return false;
  const std::uint64_t now_ns = clock_.now_ns();
  for (std::uint16_t i = 0; i < count; ++i) rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void*));
  for (std::uint16_t i = 0; i < count; ++i)
    sink_.take({rte_pktmbuf_mtod(mbufs[i], const std::uint8_t*), mbufs[i]->data_len}, now_ns);
  rte_pktmbuf_free_bulk(mbufs.data(), count);
  return true;
}

}  // namespace sluice::pktgen
