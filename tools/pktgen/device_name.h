#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::pktgen {

/// How DPDK is told of a device.
struct DeviceName {
  std::string bus;  // "pci" or "vdev"
  std::string name;
  std::string arguments;

  [[nodiscard]] bool is_pci() const { return bus == "pci"; }
  [[nodiscard]] std::string text() const {
    return arguments.empty() ? name : name + "," + arguments;
  }
  friend bool operator==(const DeviceName&, const DeviceName&) = default;
};

/// A PCI address ("0000:03:00.1", "03:00.1") or a device string of DPDK ("net_null0",
/// "net_af_packet0,iface=eth1").
[[nodiscard]] std::optional<DeviceName> parse_device(std::string_view text);

}  // namespace sluice::pktgen
