#include "tools/pktgen/sender.h"

#include <algorithm>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

namespace sluice::pktgen {

std::uint16_t Sender::send(std::uint64_t due, std::uint64_t now_ns) {
  if (first_ == end_)
    make(static_cast<std::uint16_t>(std::min<std::uint64_t>(due, burst_)), now_ns);
  const auto wanted = static_cast<std::uint16_t>(
      std::min<std::uint64_t>(due, static_cast<std::uint64_t>(end_ - first_)));
  if (wanted == 0) return 0;
  std::array<std::uint16_t, burst_max> lengths;
  for (std::uint16_t i = 0; i < wanted; ++i) lengths[i] = waiting_[first_ + i]->data_len;
  const std::uint16_t sent = rte_eth_tx_burst(device_id_, 0, &waiting_[first_], wanted);
  for (std::uint16_t i = 0; i < sent; ++i) bytes_ += lengths[i];
  first_ = static_cast<std::uint16_t>(first_ + sent);
  return sent;
}

void Sender::make(std::uint16_t count, std::uint64_t now_ns) {
  first_ = end_ = 0;
  // All of them are on their way: some will be back soon.
  if (rte_pktmbuf_alloc_bulk(&pool_, waiting_.data(), count) != 0) return;
  std::array<std::uint8_t*, burst_max> frames;
  std::array<std::uint16_t, burst_max> lengths;
  for (std::uint16_t i = 0; i < count; ++i)
    frames[i] = rte_pktmbuf_mtod(waiting_[i], std::uint8_t*);
  generator_.build(std::span(frames).first(count), std::span(lengths).first(count), now_ns);
  for (std::uint16_t i = 0; i < count; ++i) {
    waiting_[i]->data_len = lengths[i];
    waiting_[i]->pkt_len = lengths[i];
  }
  end_ = count;
}

void Sender::cancel() {
  const auto count = static_cast<unsigned>(end_ - first_);
  if (count != 0) rte_pktmbuf_free_bulk(&waiting_[first_], count);
  generator_.seek(generator_.sequence() - count);
  first_ = end_ = 0;
}

}  // namespace sluice::pktgen
