#pragma once

#include <cstdint>
#include <expected>

#include "core/net/address.h"
#include "core/result.h"
#include "tools/pktgen/device_name.h"
#include "tools/pktgen/environment.h"

namespace sluice::pktgen {

/// A network device that is started, with one queue each way as far as it has them. Takes frames
/// for any link address.
class Device {
 public:
  struct Role {
    bool sends = true;
    bool receives = true;
  };
  /// `pool`: for what it receives; outlives it.
  [[nodiscard]] static std::expected<Device, Error> open(const DeviceName& name, Role role,
                                                         rte_mempool& pool);
  Device(Device&& other) noexcept;
  Device& operator=(Device&&) = delete;
  ~Device();

  /// DPDK's number.
  [[nodiscard]] std::uint16_t id() const { return id_; }
  [[nodiscard]] const DeviceName& name() const { return name_; }
  [[nodiscard]] MacAddress mac() const;
  /// Whether it can carry packets now. True when the device does not know.
  [[nodiscard]] bool has_link() const;

 private:
  explicit Device(DeviceName name) : name_(std::move(name)) {}
  [[nodiscard]] std::expected<void, Error> configure(Role role, rte_mempool& pool);
  [[nodiscard]] std::unexpected<Error> failure(const std::string& what, int error) const;

  static constexpr std::uint16_t none = 0xffff;
  DeviceName name_;
  std::uint16_t id_ = none;
};

}  // namespace sluice::pktgen
