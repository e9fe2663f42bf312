#include "dataplane/dpdk/port.h"

#include <algorithm>
#include <array>
#include <deque>
#include <net/if.h>
#include <optional>
#include <rte_bus_vdev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_spinlock.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "core/net/toeplitz.h"

namespace sluice::dataplane {
namespace {

constexpr std::uint16_t receive_descriptors = 2048;  // fewer lose bursts on AF_XDP
constexpr std::uint16_t transmit_descriptors = 2048;
constexpr std::uint64_t rss_wanted = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                                     RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;

// What DPDK is told to make or find.
struct Device {
  const char* bus;
  std::string name;
  std::string arguments;
};

Device device_of(const PortConfig& config, PortIndex index, std::uint16_t queues) {
  const std::string number = std::to_string(index);
  const std::string count = std::to_string(queues);
  switch (config.driver) {
    case Driver::af_xdp:
      // busy_budget=0: an empty poll must not be a system call.
      return {"vdev", "net_af_xdp" + number,
              "iface=" + config.device + ",start_queue=0,queue_count=" + count + ",busy_budget=0"};
    case Driver::af_packet:
      return {"vdev", "net_af_packet" + number,
              "iface=" + config.device + ",qpairs=" + count +
                  ",blocksz=4096,framesz=2048,framecnt=4096"};
    case Driver::tap:
      return {"vdev", "net_tap" + number, "iface=" + config.device};
    case Driver::pci:
      return {"pci", config.device, ""};
    case Driver::vdev:
      break;
  }
  const std::size_t comma = config.device.find(',');
  return {"vdev", config.device.substr(0, comma),
          comma == std::string::npos ? "" : config.device.substr(comma + 1)};
}

// As the kernel has it; nothing when it does not say.
std::optional<std::uint16_t> interface_mtu_bytes(const std::string& name) {
  const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return std::nullopt;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  const bool is_known = ioctl(socket_fd, SIOCGIFMTU, &request) == 0;
  close(socket_fd);
  if (!is_known || request.ifr_mtu <= 0) return std::nullopt;
  return static_cast<std::uint16_t>(std::min(request.ifr_mtu, 0xffff));
}

std::string_view remedy_for(Driver driver) {
  switch (driver) {
    case Driver::af_xdp:
      return "the interface must be up and have that many queues (ethtool -l); other XDP programs "
             "on it must go";
    case Driver::af_packet:
      return "the interface must be up";
    case Driver::tap:
      return "the name must be free and /dev/net/tun usable";
    case Driver::pci:
      return "bind it with dpdk-devbind.py -b vfio-pci, unless its driver is bifurcated (mlx5)";
    case Driver::vdev:
      return "see DPDK's message above for what it dislikes in the device string";
  }
  return "";
}

std::unexpected<Error> failure(const std::string& what, int error, const PortConfig& config) {
  return std::unexpected(Error{what + ": " + rte_strerror(error < 0 ? -error : error),
                               "port " + config.name + ", device " + config.device,
                               std::string(remedy_for(config.driver))});
}

}  // namespace

// One queue for each worker where the device has that many; else workers share, one at a time.
struct Port::TransmitQueues {
  struct alignas(64) Queue {
    rte_spinlock_t lock = RTE_SPINLOCK_INITIALIZER;
  };
  std::deque<Queue> queues;
  bool shared = false;
};

Port::Port() = default;
Port::Port(Port&& other) noexcept
    : config_(std::move(other.config_)),
      device_name_(std::move(other.device_name_)),
      bus_(other.bus_),
      index_(other.index_),
      id_(std::exchange(other.id_, std::uint16_t{0xffff})),
      queues_(other.queues_),
      mac_(other.mac_),
      mtu_bytes_(other.mtu_bytes_),
      redirection_(std::move(other.redirection_)),
      notes_(std::move(other.notes_)),
      transmit_queues_(std::move(other.transmit_queues_)) {}

Port::~Port() {
  if (id_ == 0xffff) return;
  (void)rte_eth_dev_stop(id_);
  rte_eth_dev_close(id_);
  (void)rte_eal_hotplug_remove(bus_, device_name_.c_str());
}

std::expected<Port, Error> Port::open(const Options& options, const BufferPool& pool) {
  Port port;
  port.config_ = options.config;
  port.index_ = options.index;
  port.queues_ = options.config.queues;
  const Device device = device_of(options.config, options.index, port.queues_);
  port.bus_ = device.bus;
  port.device_name_ = device.name;
  if (const int error =
          rte_eal_hotplug_add(device.bus, device.name.c_str(), device.arguments.c_str());
      error != 0)
    return failure("the device cannot be opened", error, options.config);
  if (rte_eth_dev_get_port_by_name(device.name.c_str(), &port.id_) != 0) {
    (void)rte_eal_hotplug_remove(device.bus, device.name.c_str());
    return failure("the device is no network port", ENODEV, options.config);
  }
  if (auto started = port.start(pool, options.workers); !started)
    return std::unexpected(std::move(started.error()));
  return port;
}

std::expected<void, Error> Port::start(const BufferPool& pool, std::uint16_t workers) {
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(id_, &info); error != 0)
    return failure("the device does not say what it can do", error, config_);
  if (queues_ > info.max_rx_queues)
    return std::unexpected(Error{"queues is " + std::to_string(queues_) + ", but the device has " +
                                     std::to_string(info.max_rx_queues),
                                 "port " + config_.name,
                                 "lower queues, or give the device more (ethtool -L)"});
  const std::uint16_t transmit_count = std::min(workers, info.max_tx_queues);
  rte_eth_conf conf{};
  const std::uint64_t rss = info.flow_type_rss_offloads & rss_wanted;
  std::array<std::uint8_t, Toeplitz::key_bytes> key = Toeplitz::default_key;
  const bool can_spread = rss != 0 && queues_ > 1;
  if (can_spread) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf = {
        .rss_key = key.data(), .rss_key_len = Toeplitz::key_bytes, .rss_hf = rss};
  }
  if (const int error = rte_eth_dev_configure(id_, queues_, transmit_count, &conf); error != 0)
    return failure("the device refuses its queues", error, config_);
  std::uint16_t receive_size = receive_descriptors;
  std::uint16_t transmit_size = transmit_descriptors;
  (void)rte_eth_dev_adjust_nb_rx_tx_desc(id_, &receive_size, &transmit_size);
  auto* mempool = static_cast<rte_mempool*>(pool.handle());
  for (std::uint16_t queue = 0; queue < queues_; ++queue)
    if (const int error =
            rte_eth_rx_queue_setup(id_, queue, receive_size, SOCKET_ID_ANY, nullptr, mempool);
        error != 0)
      return failure("receive queue " + std::to_string(queue) + " cannot be set up", error,
                     config_);
  for (std::uint16_t queue = 0; queue < transmit_count; ++queue)
    if (const int error = rte_eth_tx_queue_setup(id_, queue, transmit_size, SOCKET_ID_ANY, nullptr);
        error != 0)
      return failure("transmit queue " + std::to_string(queue) + " cannot be set up", error,
                     config_);
  if (const int error = rte_eth_dev_start(id_); error != 0)
    return failure("the device does not start", error, config_);

  transmit_queues_ = std::make_unique<TransmitQueues>();
  transmit_queues_->queues.resize(transmit_count);
  transmit_queues_->shared = transmit_count < workers;
  if (transmit_queues_->shared)
    notes_.push_back("port " + config_.name + ": " + std::to_string(workers) + " workers share " +
                     std::to_string(transmit_count) + " transmit queues, one at a time");
  if (can_spread) spread_by_rss();
  if (workers > 1 && redirection_.empty())
    notes_.push_back(
        "port " + config_.name +
        ": no RSS that we can set; answers to NAT may cross from one worker to another");
  read_mtu();
  rte_ether_addr address{};
  // A vdev of DPDK's own has a made-up address that its peer does not know.
  if (config_.driver != Driver::vdev && rte_eth_macaddr_get(id_, &address) == 0)
    std::copy_n(std::begin(address.addr_bytes), mac_.bytes.size(), mac_.bytes.begin());
  return {};
}

void Port::read_mtu() {
  std::uint16_t mtu_bytes = 0;
  if (rte_eth_dev_get_mtu(id_, &mtu_bytes) == 0) mtu_bytes_ = mtu_bytes;
  // DPDK knows its default only where the interface is the kernel's.
  if (config_.driver == Driver::af_xdp || config_.driver == Driver::af_packet)
    mtu_bytes_ = interface_mtu_bytes(config_.device).value_or(mtu_bytes_);
}

// Sets the redirection table to what NAT computes with, and reads nothing back: a refusal leaves it
// empty.
void Port::spread_by_rss() {
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(id_, &info) != 0 || info.reta_size == 0 || info.reta_size > 512) return;
  std::array<rte_eth_rss_reta_entry64, 512 / RTE_ETH_RETA_GROUP_SIZE> table{};
  std::vector<std::uint16_t> queues(info.reta_size);
  for (std::uint16_t i = 0; i < info.reta_size; ++i) {
    queues[i] = static_cast<std::uint16_t>(i % queues_);
    table[i / RTE_ETH_RETA_GROUP_SIZE].mask = ~std::uint64_t{0};
    table[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = queues[i];
  }
  if (rte_eth_dev_rss_reta_update(id_, table.data(), info.reta_size) == 0)
    redirection_ = std::move(queues);
}

std::uint16_t Port::receive(std::uint16_t queue, std::span<Buffer*> buffers,
                            std::span<Packet> packets) {
  auto** mbufs = reinterpret_cast<rte_mbuf**>(buffers.data());
  const std::uint16_t count =
      rte_eth_rx_burst(id_, queue, mbufs, static_cast<std::uint16_t>(buffers.size()));
  for (std::uint16_t i = 0; i < count; ++i) __builtin_prefetch(rte_pktmbuf_mtod(mbufs[i], void*));
  for (std::uint16_t i = 0; i < count; ++i) packets[i] = packet_in(*buffers[i], index_);
  return count;
}

std::uint16_t Port::transmit(std::uint16_t worker, std::span<Buffer* const> buffers) {
  auto** mbufs = reinterpret_cast<rte_mbuf**>(const_cast<Buffer**>(buffers.data()));
  const auto count = static_cast<std::uint16_t>(buffers.size());
  const auto queue = static_cast<std::uint16_t>(worker % transmit_queues_->queues.size());
  if (!transmit_queues_->shared) return rte_eth_tx_burst(id_, queue, mbufs, count);
  rte_spinlock_lock(&transmit_queues_->queues[queue].lock);
  const std::uint16_t sent = rte_eth_tx_burst(id_, queue, mbufs, count);
  rte_spinlock_unlock(&transmit_queues_->queues[queue].lock);
  return sent;
}

}  // namespace sluice::dataplane
