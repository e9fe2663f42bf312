#include "core/net/tcp_edit.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace sluice {
namespace {

template <typename Header>
Header& header_at(std::uint8_t* frame, std::size_t offset) {
  static_assert(alignof(Header) == 1);
  return *reinterpret_cast<Header*>(frame + offset);
}

std::uint16_t tcp_header_bytes(const wire::TcpHeader& header) {
  return static_cast<std::uint16_t>((header.data_offset >> 4) * 4);
}

Be16 sum_of(std::span<const std::uint8_t> bytes) {
  ChecksumSum sum;
  sum.add(bytes);
  return Be16::from_raw(sum.folded());
}

// The length of the IP packet, in its header and in the checksums that cover it. `tcp`: what else
// changes for TCP's.
void set_ip_length(std::uint8_t* frame, ParsedPacket& packet, std::uint16_t length_bytes,
                   ChecksumChange tcp) {
  const auto l4_bytes = [&](std::uint16_t ip_bytes) {
    return Be16::from_host(
        static_cast<std::uint16_t>(ip_bytes - (packet.l4_offset - packet.l3_offset)));
  };
  tcp.replace(l4_bytes(packet.ip_length_bytes), l4_bytes(length_bytes));  // of the pseudo-header
  auto& header = header_at<wire::TcpHeader>(frame, packet.l4_offset);
  header.checksum = tcp.apply(header.checksum);
  packet.ip_length_bytes = length_bytes;
  if (packet.family == Family::ipv6) {
    header_at<wire::Ipv6Header>(frame, packet.l3_offset).payload_length =
        Be16::from_host(static_cast<std::uint16_t>(length_bytes - sizeof(wire::Ipv6Header)));
    return;
  }
  auto& ip = header_at<wire::Ipv4Header>(frame, packet.l3_offset);
  ChecksumChange change;
  change.replace(ip.total_length, Be16::from_host(length_bytes));
  ip.total_length = Be16::from_host(length_bytes);
  ip.checksum = change.apply(ip.checksum);
}

}  // namespace

TcpEdit::TcpEdit(std::uint8_t* frame, const ParsedPacket& packet)
    : header_(header_at<wire::TcpHeader>(frame, packet.l4_offset)) {}

std::span<std::uint8_t> TcpEdit::option_bytes() const {
  auto* begin = reinterpret_cast<std::uint8_t*>(&header_);
  return {begin + sizeof header_, tcp_header_bytes(header_) - sizeof header_};
}

void TcpEdit::set_sequence(TcpSequence sequence) {
  const Be32 after = Be32::from_host(sequence);
  change_.replace(header_.sequence, after);
  header_.sequence = after;
}

void TcpEdit::set_acknowledgement(TcpSequence acknowledgement) {
  const Be32 after = Be32::from_host(acknowledgement);
  change_.replace(header_.acknowledgement, after);
  header_.acknowledgement = after;
}

void TcpEdit::set_window(std::uint16_t window) {
  const Be16 after = Be16::from_host(window);
  change_.replace(header_.window, after);
  header_.window = after;
}

void TcpEdit::set_flags(std::uint8_t flags) {
  change_.replace(Be16{{header_.data_offset, header_.flags}}, Be16{{header_.data_offset, flags}});
  header_.flags = flags;
}

void TcpEdit::shift_timestamps(std::uint32_t value, std::uint32_t echo) {
  edit_options([&](TcpOption kind, std::span<std::uint8_t> body) {
    if (kind != TcpOption::timestamps || body.size() != 2 * sizeof(Be32)) return;
    store(body.data(), load(body.data()) + value);
    store(body.data() + sizeof(Be32), load(body.data() + sizeof(Be32)) + echo);
  });
}

void TcpEdit::blank_option(TcpOption kind) {
  edit_options([&](TcpOption found, std::span<std::uint8_t> body) {
    if (found == kind)
      std::fill_n(body.data() - 2, body.size() + 2,
                  static_cast<std::uint8_t>(TcpOption::no_operation));
  });
}

Be16 TcpEdit::folded_sum(std::span<const std::uint8_t> bytes) { return sum_of(bytes); }

void TcpEdit::store(std::uint8_t* to, std::uint32_t value) {
  const Be32 words = Be32::from_host(value);
  std::memcpy(to, &words, sizeof words);
}

std::uint16_t tcp_headers_bytes(const std::uint8_t* frame, const ParsedPacket& packet) {
  const auto& header = *reinterpret_cast<const wire::TcpHeader*>(frame + packet.l4_offset);
  return static_cast<std::uint16_t>(packet.l4_offset - packet.l3_offset + tcp_header_bytes(header));
}

std::uint16_t tcp_payload_bytes(const std::uint8_t* frame, const ParsedPacket& packet) {
  return static_cast<std::uint16_t>(packet.ip_length_bytes - tcp_headers_bytes(frame, packet));
}

void drop_tcp_payload(std::uint8_t* frame, ParsedPacket& packet) {
  const std::uint16_t headers_bytes = tcp_headers_bytes(frame, packet);
  ChecksumChange tcp;
  tcp.replace(sum_of({frame + packet.l3_offset + headers_bytes,
                      std::size_t{packet.ip_length_bytes} - headers_bytes}),
              Be16{});
  set_ip_length(frame, packet, headers_bytes, tcp);
}

void count_inserted(std::uint8_t* frame, ParsedPacket& packet,
                    std::span<const std::uint8_t> inserted) {
  ChecksumChange tcp;
  tcp.replace(Be16{}, sum_of(inserted));
  set_ip_length(frame, packet, static_cast<std::uint16_t>(packet.ip_length_bytes + inserted.size()),
                tcp);
}

bool read_quoted_sequence(const std::uint8_t* frame, const ParsedPacket& quoted,
                          TcpSequence& sequence) {
  const std::size_t at = quoted.l4_offset + offsetof(wire::TcpHeader, sequence);
  if (at + sizeof(Be32) > std::size_t{quoted.l3_offset} + quoted.ip_length_bytes) return false;
  sequence = load_unaligned<Be32>(frame + at).host();
  return true;
}

void set_quoted_sequence(std::uint8_t* frame, const ParsedPacket& error, const ParsedPacket& quoted,
                         TcpSequence sequence) {
  const std::span<const std::uint8_t> inside(frame + quoted.l3_offset, quoted.ip_length_bytes);
  const Be16 before = sum_of(inside);
  auto& number = header_at<Be32>(frame, quoted.l4_offset + offsetof(wire::TcpHeader, sequence));
  ChecksumChange tcp;
  tcp.replace(number, Be32::from_host(sequence));
  number = Be32::from_host(sequence);
  const std::size_t at = quoted.l4_offset + offsetof(wire::TcpHeader, checksum);
  if (at + sizeof(Be16) <= std::size_t{quoted.l3_offset} + quoted.ip_length_bytes) {
    auto& checksum = header_at<Be16>(frame, at);
    checksum = tcp.apply(checksum);
  }
  ChecksumChange message;
  message.replace(before, sum_of(inside));
  auto& icmp = header_at<wire::IcmpHeader>(frame, error.l4_offset);
  icmp.checksum = message.apply(icmp.checksum);
}

}  // namespace sluice
