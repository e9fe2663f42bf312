#include "control/netlink/interfaces.h"

#include <memory>
#include <net/if.h>
#include <string>

namespace sluice::control {
namespace {

constexpr std::size_t names_shown_max = 16;

// "eth0, eth1": for a message, so not every one of a thousand.
std::string interface_names() {
  const std::unique_ptr<struct if_nameindex, decltype(&::if_freenameindex)> list(
      ::if_nameindex(), &::if_freenameindex);
  std::string out;
  std::size_t count = 0;
  for (const auto* each = list.get(); each != nullptr && each->if_index != 0; ++each) {
    if (++count > names_shown_max) return out + ", ...";
    out += (out.empty() ? "" : ", ") + std::string(each->if_name);
  }
  return out;
}

bool needs_interface(const PortConfig& port) {
  return (port.driver == Driver::af_xdp || port.driver == Driver::af_packet) &&
         !port.device.empty();
}

}  // namespace

std::vector<ConfigError> missing_interfaces(const Config& config) {
  std::vector<ConfigError> out;
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    const PortConfig& port = config.ports[i];
    if (!needs_interface(port) || if_nametoindex(port.device.c_str()) != 0) continue;
    out.push_back(
        {.path = "port[" + std::to_string(i) + "].device",
         .what = "this host has no interface \"" + port.device + "\"",
         .remedy = "write one of those it has (" + interface_names() + "), or make it first"});
  }
  return out;
}

}  // namespace sluice::control
