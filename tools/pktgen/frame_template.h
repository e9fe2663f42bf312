#pragma once

#include <array>
#include <cstdint>

#include "tools/pktgen/traffic.h"

namespace sluice::pktgen {

/// A frame that is ready but for addresses, ports, sequence number, time and checksums, which are
/// zero. All of its bytes that are not zero are at its beginning.
struct FrameTemplate {
  static constexpr std::size_t head_bytes = 128;  // two cache lines

  alignas(64) std::array<std::uint8_t, head_bytes> head{};
  std::uint16_t length_bytes = 0;  // without check sequence
  // Folded sums of what is there: of the IPv4 header, and of layer 4 with its pseudo-header.
  std::uint16_t network_sum = 0;
  std::uint16_t layer4_sum = 0;
};

enum class Segment : std::uint8_t { established, opening };  // of TCP: ACK or SYN

/// `frame_bytes`: with check sequence, `frame_bytes_min` or more.
[[nodiscard]] FrameTemplate make_template(const Traffic& traffic, std::uint16_t frame_bytes,
                                          Segment segment);

/// Where IP begins in each frame of this traffic.
[[nodiscard]] std::uint16_t network_offset(const Traffic& traffic);

}  // namespace sluice::pktgen
