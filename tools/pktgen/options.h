#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <vector>

#include "tools/pktgen/device_name.h"
#include "tools/pktgen/rate_search.h"
#include "tools/pktgen/traffic.h"

namespace sluice::pktgen {

/// What the command line asks for, checked.
struct Options {
  std::vector<DeviceName> devices;  // one, or one that sends and one that receives
  bool sends = true;
  bool receives = true;
  std::vector<std::uint16_t> cores;  // one, or one that sends and one that receives

  Traffic traffic;
  std::optional<MacAddress> source_mac;       // none: the sending port's
  std::optional<MacAddress> destination_mac;  // none: the receiving port's

  Rate rate;
  std::chrono::nanoseconds duration{};
  std::optional<std::uint64_t> count;
  std::uint16_t burst = 32;
  std::chrono::nanoseconds drain{};

  bool search = false;
  std::uint32_t loss_ppm = 0;
  std::uint32_t resolution_ppm = 10'000;

  bool json = false;
  bool histogram = false;
};

inline constexpr std::uint16_t burst_max = 64;

/// Reads the command line. Prints help, version or what is wrong itself, and then gives the exit
/// status.
[[nodiscard]] std::expected<Options, int> read_options(int argc, char** argv);

}  // namespace sluice::pktgen
