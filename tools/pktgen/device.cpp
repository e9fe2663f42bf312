#include "tools/pktgen/device.h"

#include <algorithm>
#include <cerrno>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <utility>

namespace sluice::pktgen {
namespace {

constexpr std::uint16_t descriptors = 2'048;  // fewer lose bursts on AF_XDP
// What fits a buffer of a pool behind a link header with a tag, and a check sequence.
constexpr std::uint32_t packet_bytes_max = 2'048 - 22;

}  // namespace

std::unexpected<Error> Device::failure(const std::string& what, int error) const {
  const std::string remedy =
      name_.is_pci()
          ? "bind it with dpdk-devbind.py -b vfio-pci, unless its driver is bifurcated (mlx5)"
          : "see DPDK's message above; interfaces must be up, and the arguments the driver's";
  return std::unexpected(
      Error{what + ": " + rte_strerror(std::abs(error)), "port " + name_.text(), remedy});
}

std::expected<Device, Error> Device::open(const DeviceName& name, Role role, rte_mempool& pool) {
  Device out(name);
  if (const int error =
          rte_eal_hotplug_add(name.bus.c_str(), name.name.c_str(), name.arguments.c_str());
      error != 0)
    return out.failure("the device cannot be opened", error);
  if (rte_eth_dev_get_port_by_name(name.name.c_str(), &out.id_) != 0) {
    (void)rte_eal_hotplug_remove(name.bus.c_str(), name.name.c_str());
    return out.failure("the device is no network port", ENODEV);
  }
  if (auto done = out.configure(role, pool); !done) return std::unexpected(done.error());
  return out;
}

std::expected<void, Error> Device::configure(Role role, rte_mempool& pool) {
  rte_eth_dev_info info{};
  int error = rte_eth_dev_info_get(id_, &info);
  if (error != 0) return failure("the device does not say what it can do", error);
  if (role.receives && info.max_rx_queues == 0)
    return failure("the device cannot receive", ENOTSUP);
  if (role.sends && info.max_tx_queues == 0) return failure("the device cannot send", ENOTSUP);
  const std::uint16_t receive_queues = std::min<std::uint16_t>(info.max_rx_queues, 1);
  const std::uint16_t transmit_queues = std::min<std::uint16_t>(info.max_tx_queues, 1);
  rte_eth_conf conf{};
  // All buffers that are sent are of one pool, and nobody else holds them.
  conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  // A tunnel's header makes the longest frames longer than NICs take by themselves.
  if (name_.is_pci()) conf.rxmode.mtu = std::min<std::uint32_t>(info.max_mtu, packet_bytes_max);
  error = rte_eth_dev_configure(id_, receive_queues, transmit_queues, &conf);
  if (error != 0 && conf.rxmode.mtu != 0) {
    conf.rxmode.mtu = 0;  // its own
    error = rte_eth_dev_configure(id_, receive_queues, transmit_queues, &conf);
  }
  if (error != 0) return failure("the device refuses its queues", error);
  std::uint16_t receive_size = descriptors;
  std::uint16_t transmit_size = descriptors;
  (void)rte_eth_dev_adjust_nb_rx_tx_desc(id_, &receive_size, &transmit_size);
  if (receive_queues != 0)
    error = rte_eth_rx_queue_setup(id_, 0, receive_size, SOCKET_ID_ANY, nullptr, &pool);
  if (error != 0) return failure("the receive queue cannot be set up", error);
  if (transmit_queues != 0)
    error = rte_eth_tx_queue_setup(id_, 0, transmit_size, SOCKET_ID_ANY, nullptr);
  if (error != 0) return failure("the transmit queue cannot be set up", error);
  error = rte_eth_dev_start(id_);
  if (error != 0) return failure("the device does not start", error);
  // Not all can, and those see all anyway or need the right link address.
  (void)rte_eth_promiscuous_enable(id_);
  return {};
}

Device::Device(Device&& other) noexcept
    : name_(std::move(other.name_)), id_(std::exchange(other.id_, none)) {}

Device::~Device() {
  if (id_ == none) return;
  (void)rte_eth_dev_stop(id_);
  (void)rte_eth_dev_close(id_);
  (void)rte_eal_hotplug_remove(name_.bus.c_str(), name_.name.c_str());
}

MacAddress Device::mac() const {
  rte_ether_addr address{};
  MacAddress out;
  if (rte_eth_macaddr_get(id_, &address) == 0)
    std::copy_n(std::begin(address.addr_bytes), out.bytes.size(), out.bytes.begin());
  return out;
}

bool Device::has_link() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(id_, &link) != 0 || link.link_status == RTE_ETH_LINK_UP;
}

}  // namespace sluice::pktgen
