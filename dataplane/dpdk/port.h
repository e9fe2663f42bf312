#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/result.h"
#include "dataplane/dpdk/buffer_pool.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// The most packets of one burst.
inline constexpr std::size_t burst_packets_max = 64;

/// One network port: a DPDK device that is configured and started. Receive queue q belongs to
/// worker q % workers; every worker may transmit.
class Port {
 public:
  struct Options {
    PortConfig config;
    PortIndex index = 0;
    std::uint16_t workers = 1;
  };
  [[nodiscard]] static std::expected<Port, Error> open(const Options& options,
                                                       const BufferPool& pool);
  Port(Port&&) noexcept;
  Port& operator=(Port&&) = delete;
  ~Port();

  /// Up to burst_packets_max packets of a queue of ours; fills both spans from the front and
  /// returns how many.
  [[nodiscard]] std::uint16_t receive(std::uint16_t queue, std::span<Buffer*> buffers,
                                      std::span<Packet> packets);
  /// Hands frames to the device, which then owns those it takes: the first n, returned. Safe from
  /// any worker.
  [[nodiscard]] std::uint16_t transmit(std::uint16_t worker, std::span<Buffer* const> buffers);

  [[nodiscard]] const PortConfig& config() const { return config_; }
  [[nodiscard]] std::uint16_t queues() const { return queues_; }
  /// The MAC address of frames for us; all zero when the port takes every frame.
  [[nodiscard]] MacAddress mac() const { return mac_; }
  /// The largest IP packet that the link carries, as the device says.
  [[nodiscard]] std::uint16_t mtu_bytes() const { return mtu_bytes_; }
  /// The redirection table in use, as queue numbers; empty when the device cannot spread flows by
  /// RSS.
  [[nodiscard]] const std::vector<std::uint16_t>& redirection() const { return redirection_; }
  /// What this device lacks and what that costs, one sentence each.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct TransmitQueues;
  Port();
  [[nodiscard]] std::expected<void, Error> start(const BufferPool& pool, std::uint16_t workers);
  void spread_by_rss();
  void read_mtu();

  PortConfig config_;
  std::string device_name_;  // by which DPDK knows it
  const char* bus_ = "vdev";
  PortIndex index_ = 0;
  std::uint16_t id_ = 0xffff;  // DPDK's port number
  std::uint16_t queues_ = 1;
  MacAddress mac_;
  std::uint16_t mtu_bytes_ = 1'500;
  std::vector<std::uint16_t> redirection_;
  std::vector<std::string> notes_;
  std::unique_ptr<TransmitQueues> transmit_queues_;
};

}  // namespace sluice::dataplane
