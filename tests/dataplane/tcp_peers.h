#pragma once

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <optional>

#include "core/net/tcp_options.h"
#include "core/net/wire.h"
#include "tests/dataplane/rig.h"

// A client and a server in memory that speak as much TCP as it takes to notice when somebody in
// between gets sequence numbers wrong. Each end has its own numbers and checks what it is sent.

namespace sluice::dataplane {

/// What a segment says that left the pipeline.
struct Segment {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint16_t window = 0;
  std::uint8_t flags = 0;
  test::Bytes options;
  test::Bytes data;
  ParsedPacket packet;
};

inline Segment read(const Outcome& out) {
  Segment segment;
  EXPECT_EQ(parse(out.frame, segment.packet), Verdict::none);
  EXPECT_EQ(test::wrong_checksums(out.frame), "");
  const auto* at = out.frame.data() + segment.packet.l4_offset;
  const auto& tcp = *reinterpret_cast<const wire::TcpHeader*>(at);
  segment.sequence = tcp.sequence.host();
  segment.acknowledgement = tcp.acknowledgement.host();
  segment.window = tcp.window.host();
  segment.flags = tcp.flags;
  const std::size_t header_bytes = static_cast<std::size_t>(tcp.data_offset >> 4) * 4;
  segment.options.assign(at + sizeof tcp, at + header_bytes);
  segment.data.assign(at + header_bytes,
                      out.frame.data() + segment.packet.l3_offset + segment.packet.ip_length_bytes);
  return segment;
}

/// One end of one connection. `send` gets the segments that it makes.
struct TcpPeer {
  Address own{};
  Address other{};
  std::uint16_t own_port = 0;
  std::uint16_t other_port = 0;
  std::uint32_t isn = 0;
  test::Bytes to_send{};  // everything it has to say, then FIN
  std::size_t segment_bytes = 1'000;
  std::function<void(test::FrameSpec)> send{};

  // What it knows.
  bool synchronized = false;
  bool fin_acked = false;
  bool fin_received = false;
  bool reset = false;
  std::uint32_t acked = 0;  // bytes of ours, FIN counted
  std::uint32_t other_isn = 0;
  std::uint32_t other_window = 0;
  std::map<std::uint32_t, test::Bytes> pieces{};  // by offset, out of order
  test::Bytes received{};
  std::optional<std::uint32_t> fin_at{};
  std::string complaint{};  // the first thing that was wrong

  [[nodiscard]] test::FrameSpec segment(std::uint32_t offset, std::uint8_t flags) const {
    test::FrameSpec spec;
    spec.source = own;
    spec.destination = other;
    spec.source_port = own_port;
    spec.destination_port = other_port;
    spec.data_bytes = 0;
    spec.tcp_flags = flags;
    spec.tcp_sequence = isn + 1 + offset;
    spec.tcp_acknowledgement = other_isn + 1 + in_order();
    return spec;
  }
  [[nodiscard]] std::uint32_t in_order() const {
    return static_cast<std::uint32_t>(received.size()) + (fin_received ? 1 : 0);
  }
  void ack() const { send(segment(acked, wire::TcpHeader::ack)); }

  /// Up to `count` segments from the first byte that is not acknowledged on.
  void transmit(int count) {
    const auto size = static_cast<std::uint32_t>(to_send.size());
    std::uint32_t at = acked;
    for (int i = 0; i < count && at <= size; ++i) {
      const auto end =
          std::min<std::uint32_t>(size, at + static_cast<std::uint32_t>(segment_bytes));
      const bool last = end == size;
      test::FrameSpec spec = segment(
          at, static_cast<std::uint8_t>(wire::TcpHeader::ack | (last ? wire::TcpHeader::fin : 0)));
      spec.data.assign(to_send.begin() + at, to_send.begin() + end);
      send(spec);
      at = last ? size + 1 : end;
    }
  }

  /// A segment that came in, once both ends are synchronized.
  void take(const test::Bytes& frame) {
    ParsedPacket packet;
    if (const std::string wrong = test::wrong_checksums(frame);
        !wrong.empty() || parse(frame, packet) != Verdict::none)
      return complain("checksums: " + wrong);
    const auto& tcp = *reinterpret_cast<const wire::TcpHeader*>(frame.data() + packet.l4_offset);
    if ((tcp.flags & wire::TcpHeader::rst) != 0) {
      reset = tcp.sequence.host() == other_isn + 1 + in_order();
      return;
    }
    take_ack(tcp);
    const std::size_t header_bytes = static_cast<std::size_t>(tcp.data_offset >> 4) * 4;
    const std::size_t begin = packet.l4_offset + header_bytes;
    const std::size_t end = std::size_t{packet.l3_offset} + packet.ip_length_bytes;
    const auto offset = static_cast<std::int32_t>(tcp.sequence.host() - other_isn - 1);
    take_data(offset,
              {frame.begin() + static_cast<long>(begin), frame.begin() + static_cast<long>(end)},
              (tcp.flags & wire::TcpHeader::fin) != 0);
  }

 private:
  void complain(std::string what) {
    if (complaint.empty()) complaint = std::move(what);
  }
  void take_ack(const wire::TcpHeader& tcp) {
    if ((tcp.flags & wire::TcpHeader::ack) == 0) return complain("a segment without ACK");
    const auto ahead = static_cast<std::int32_t>(tcp.acknowledgement.host() - isn - 1);
    if (ahead > static_cast<std::int32_t>(to_send.size() + 1))
      return complain("an ACK of what was never sent");
    if (ahead > static_cast<std::int32_t>(acked)) acked = static_cast<std::uint32_t>(ahead);
    fin_acked = acked == to_send.size() + 1;
    other_window = tcp.window.host();
  }
  void take_data(std::int32_t offset, test::Bytes data, bool fin) {
    if (offset < 0) {
      if (offset + static_cast<std::int32_t>(data.size()) > 0)
        return complain("data that begins before the first byte");
      return ack();
    }
    if (data.empty() && !fin) return;
    if (fin) fin_at = static_cast<std::uint32_t>(offset) + static_cast<std::uint32_t>(data.size());
    pieces.emplace(static_cast<std::uint32_t>(offset), std::move(data));
    for (auto& [at, piece] : pieces) {
      if (at > received.size()) break;
      if (at + piece.size() <= received.size()) continue;
      received.insert(received.end(), piece.begin() + static_cast<long>(received.size() - at),
                      piece.end());
    }
    fin_received = fin_at == static_cast<std::uint32_t>(received.size());
    ack();
  }
};

}  // namespace sluice::dataplane
