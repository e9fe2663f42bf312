#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/address.h"
#include "core/net/encap.h"
#include "core/net/prefix.h"
#include "core/result.h"

namespace sluice::bpf {

/// Which tunnels end on a real server.
struct DecapRules {
  std::vector<Address> vips;    // inner destinations
  std::vector<Prefix> sources;  // outer sources; empty: anybody
  Port gue_port = gue_port_default;
};

/// The program on one device (decap.bpf.c), as the kernel has it.
struct DecapStatus {
  struct Counter {
    std::string_view name;
    std::uint64_t packets = 0;
  };
  std::string device;
  std::uint32_t program_id = 0;
  DecapRules rules;               // sorted
  std::vector<Counter> counters;  // since it was attached
};

/// Puts the program on the device's ingress, where it stays after this process. One that is there
/// already is replaced without a moment in between, and its counters start anew.
[[nodiscard]] std::expected<void, Error> attach_decap(const std::string& device,
                                                      const DecapRules& rules);
/// Takes off what attach_decap made and nothing else.
[[nodiscard]] std::expected<void, Error> detach_decap(const std::string& device);
/// Nothing when the program is not on the device.
[[nodiscard]] std::expected<std::optional<DecapStatus>, Error> decap_status(
    const std::string& device);
/// The devices of this network namespace, by name.
[[nodiscard]] std::vector<std::string> network_devices();

}  // namespace sluice::bpf
