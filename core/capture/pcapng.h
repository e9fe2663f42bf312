#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The part of the pcapng format (draft-ietf-opsawg-pcapng) that a capture needs: one section, an
// Ethernet interface for each port, packets with a comment. Each function gives whole blocks, so
// that a file which ends behind any of them is a good one.

namespace sluice {

/// The beginning of a file: the section and its interfaces, which packets then name by number.
[[nodiscard]] std::string pcapng_begin(std::string_view program,
                                       const std::vector<std::string>& interfaces,
                                       std::uint32_t snaplen);

enum class PcapngDirection : std::uint8_t { in = 1, out = 2 };  // epb_flags, bits 0 and 1

struct PcapngPacket {
  std::uint32_t interface = 0;
  std::uint64_t time_ns = 0;       // since 1970
  std::uint32_t length_bytes = 0;  // of the frame, of which `bytes` may be the beginning
  std::span<const std::uint8_t> bytes;
  PcapngDirection direction = PcapngDirection::in;
  std::string_view comment;
};
/// One packet.
[[nodiscard]] std::string pcapng_packet(const PcapngPacket& packet);

/// The end: how many packets the filter took and how many of them were lost.
[[nodiscard]] std::string pcapng_statistics(std::uint64_t time_ns, std::uint64_t received,
                                            std::uint64_t dropped, std::string_view comment);

}  // namespace sluice
