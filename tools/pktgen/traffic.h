#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "core/net/address.h"
#include "core/net/prefix.h"
#include "core/result.h"

namespace sluice::pktgen {

/// Frames are counted as RFC 2544 does: with the four bytes of the frame check sequence, which a
/// NIC adds and software never sees.
inline constexpr std::uint16_t check_sequence_bytes = 4;
inline constexpr std::uint16_t frame_bytes_max = 2'000;

struct SizeShare {
  std::uint16_t frame_bytes = 64;  // with the check sequence
  std::uint16_t weight = 1;
  friend bool operator==(const SizeShare&, const SizeShare&) = default;
};
inline constexpr std::size_t sizes_max = 8;
inline constexpr std::uint32_t weights_max = 1'000;  // of all sizes together

/// "imix" (7:4:1 of 64, 594 and 1518), "64", or "64:7,594:4,1518:1".
[[nodiscard]] std::optional<std::vector<SizeShare>> parse_sizes(std::string_view text);

inline constexpr std::size_t targets_max = 65'536;

/// "192.0.2.1:80", "192.0.2.0/28:80", "[2001:db8::1]:80-89", "[2001:db8::/120]:80": every address
/// of the block with every port.
[[nodiscard]] std::optional<std::vector<Endpoint>> parse_targets(std::string_view text);

/// What is sent.
struct Traffic {
  Protocol protocol = Protocol::tcp;  // or udp
  std::uint64_t flows = 1;            // of the standing set, to which most packets belong
  std::uint32_t new_flows_ppm = 0;    // so many packets are the first of a flow never seen before
  bool opens = false;  // tcp: the first packet of each flow of the standing set is a SYN
  std::vector<SizeShare> sizes{SizeShare{}};
  std::vector<Endpoint> targets;  // of one family
  Prefix sources;                 // of the same
  std::optional<std::uint16_t> vlan;
  MacAddress source_mac;
  MacAddress destination_mac;
  std::uint8_t stream = 0;  // tells this sender's packets from others'

  [[nodiscard]] Family family() const { return targets.front().address.family(); }
};

/// The smallest frame with room for headers and signature, check sequence included.
[[nodiscard]] std::uint16_t frame_bytes_min(const Traffic& traffic);

/// Why this traffic cannot be made: too few addresses for the flows, too small frames, mixed
/// families.
[[nodiscard]] std::expected<void, Error> validate(const Traffic& traffic);

}  // namespace sluice::pktgen
