#include "core/net/mss.h"

#include <cstddef>
#include <span>

#include "core/net/checksum.h"
#include "core/net/wire.h"

namespace sluice {
namespace {

// RFC 9293 section 3.1.
constexpr std::uint8_t option_end = 0;
constexpr std::uint8_t option_nothing = 1;
constexpr std::uint8_t option_mss = 2;
constexpr std::size_t option_mss_bytes = 4;

// The option's value; null when there is none, or what stands before it makes no sense.
Be16* find_mss(std::span<std::uint8_t> options) {
  std::size_t at = 0;
  while (at < options.size() && options[at] != option_end) {
    if (options[at] == option_nothing) {
      ++at;
      continue;
    }
    if (at + 1 >= options.size()) return nullptr;
    const std::size_t length_bytes = options[at + 1];
    if (length_bytes < 2 || at + length_bytes > options.size()) return nullptr;
    if (options[at] == option_mss)
      return length_bytes == option_mss_bytes ? reinterpret_cast<Be16*>(&options[at + 2]) : nullptr;
    at += length_bytes;
  }
  return nullptr;
}

}  // namespace

bool clamp_mss(std::uint8_t* frame, const ParsedPacket& packet, std::uint16_t mss_bytes_max) {
  if (packet.layer4 != Layer4::tcp || !packet.has_ports || packet.is_fragment ||
      (packet.tcp_flags & wire::TcpHeader::syn) == 0)
    return false;
  auto& tcp = *reinterpret_cast<wire::TcpHeader*>(frame + packet.l4_offset);
  // The parser has seen that this many bytes are there.
  const std::size_t header_bytes = static_cast<std::size_t>(tcp.data_offset >> 4) * 4;
  const std::span<std::uint8_t> options(frame + packet.l4_offset + sizeof tcp,
                                        header_bytes - sizeof tcp);
  Be16* const mss = find_mss(options);
  if (mss == nullptr || mss->host() <= mss_bytes_max) return false;
  // The value may lie across two of the words that are summed: the sum of all options changes.
  ChecksumSum before;
  before.add(options);
  *mss = Be16::from_host(mss_bytes_max);
  ChecksumSum after;
  after.add(options);
  ChecksumChange change;
  change.replace(Be16::from_raw(before.folded()), Be16::from_raw(after.folded()));
  tcp.checksum = change.apply(tcp.checksum);
  return true;
}

}  // namespace sluice
