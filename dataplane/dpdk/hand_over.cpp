#include "dataplane/dpdk/hand_over.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <string>
#include <utility>

namespace sluice::dataplane {
namespace {

constexpr unsigned ring_entries = 4096;

}  // namespace

std::expected<HandOver, Error> HandOver::create(std::uint16_t worker) {
  const std::string name = "hand_over_" + std::to_string(worker);
  rte_ring* ring =
      rte_ring_create(name.c_str(), ring_entries, static_cast<int>(rte_socket_id()), RING_F_SC_DEQ);
  if (ring == nullptr)
    return std::unexpected(Error{std::string("no memory for a ring: ") + rte_strerror(rte_errno),
                                 name, "raise [dataplane] memory"});
  return HandOver(ring);
}

HandOver::HandOver(HandOver&& other) noexcept : ring_(std::exchange(other.ring_, nullptr)) {}
HandOver::~HandOver() { rte_ring_free(static_cast<rte_ring*>(ring_)); }

bool HandOver::put(Buffer& buffer, PortIndex in_port) {
  reinterpret_cast<rte_mbuf&>(buffer).port =
      in_port;  // our own index; DPDK's number is not needed any more
  return rte_ring_mp_enqueue(static_cast<rte_ring*>(ring_), &buffer) == 0;
}

std::uint16_t HandOver::take(std::span<Buffer*> buffers, std::span<Packet> packets) {
  const unsigned count = rte_ring_sc_dequeue_burst(static_cast<rte_ring*>(ring_),
                                                   reinterpret_cast<void**>(buffers.data()),
                                                   static_cast<unsigned>(buffers.size()), nullptr);
  for (unsigned i = 0; i < count; ++i)
    packets[i] = packet_in(*buffers[i], reinterpret_cast<rte_mbuf&>(*buffers[i]).port);
  return static_cast<std::uint16_t>(count);
}

}  // namespace sluice::dataplane
