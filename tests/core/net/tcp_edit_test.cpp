#include "core/net/tcp_edit.h"

#include <gtest/gtest.h>
#include <random>

#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::Bytes;
using test::FrameSpec;
using test::ip;

void put32(Bytes& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    to.push_back(static_cast<std::uint8_t>(value >> shift));
}

// Timestamps at an odd offset, one SACK block at an even one.
Bytes options_of(std::uint32_t value, std::uint32_t echo, std::uint32_t left, std::uint32_t right) {
  Bytes out = {1, 8, 10};
  put32(out, value);
  put32(out, echo);
  out.insert(out.end(), {1, 1, 1, 5, 10});
  put32(out, left);
  put32(out, right);
  return out;
}

FrameSpec segment(Family family) {
  FrameSpec spec;
  if (family == Family::ipv6) {
    spec.source = ip("2001:db8:c::7");
    spec.destination = ip("2001:db8::10");
  }
  return spec;
}

ParsedPacket parsed(const Bytes& frame) {
  ParsedPacket packet;
  EXPECT_EQ(parse(frame, packet), Verdict::none);
  return packet;
}

TEST(TcpEdit, LeavesTheFrameThatIsBuiltWithTheNewValues) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    FrameSpec spec = segment(family);
    spec.tcp_options = options_of(9, 8, 100, 0xffffff00);
    Bytes frame = test::build(spec);
    TcpEdit tcp(frame.data(), parsed(frame));
    EXPECT_EQ(tcp.sequence(), 0x01020304U);
    EXPECT_EQ(tcp.acknowledgement(), 0x05060708U);
    tcp.set_sequence(0xfffffffe);
    tcp.set_acknowledgement(7);
    tcp.set_window(0);
    tcp.set_flags(0x11);
    tcp.map_sack([](TcpSequence edge) { return edge + 0x123; });
    tcp.shift_timestamps(100, 0U - 9);
    tcp.finish();
    spec.tcp_sequence = 0xfffffffe;
    spec.tcp_acknowledgement = 7;
    spec.tcp_window = 0;
    spec.tcp_flags = 0x11;
    spec.tcp_options = options_of(109, 0xffffffff, 0x123 + 100, 0x23);
    EXPECT_EQ(test::hex(frame), test::hex(test::build(spec)));
  }
}

TEST(TcpEdit, ADamagedSegmentStaysDamaged) {
  Bytes frame = test::build(segment(Family::ipv4));
  frame.back() ^= 1;
  TcpEdit tcp(frame.data(), parsed(frame));
  tcp.set_sequence(1);
  tcp.finish();
  ParsedPacket packet = parsed(frame);
  drop_tcp_payload(frame.data(), packet);
  EXPECT_NE(test::wrong_checksums(frame), "");
}

TEST(TcpEdit, BlanksOneOption) {
  FrameSpec spec = segment(Family::ipv6);
  spec.tcp_options = options_of(1, 2, 3, 4);
  Bytes frame = test::build(spec);
  TcpEdit tcp(frame.data(), parsed(frame));
  tcp.blank_option(TcpOption::sack);
  tcp.finish();
  std::fill(spec.tcp_options.begin() + 14, spec.tcp_options.end(), std::uint8_t{1});
  EXPECT_EQ(test::hex(frame), test::hex(test::build(spec)));
}

TEST(TcpEdit, AnyOptionsKeepTheChecksumRight) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 50'000; ++round) {
    FrameSpec spec = segment(random() % 2 == 0 ? Family::ipv4 : Family::ipv6);
    spec.tcp_options.resize(random() % 11 * 4);
    for (std::uint8_t& byte : spec.tcp_options)
      byte = static_cast<std::uint8_t>(random() % 4 == 0 ? random() : random() % 12);
    Bytes frame = test::build(spec);
    TcpEdit tcp(frame.data(), parsed(frame));
    tcp.map_sack([](TcpSequence edge) { return edge - 52; });
    tcp.shift_timestamps(static_cast<std::uint32_t>(random()), 1);
    tcp.blank_option(TcpOption::fast_open);
    tcp.finish();
    ASSERT_EQ(test::wrong_checksums(frame), "") << test::hex(spec.tcp_options);
  }
}

TEST(TcpPayload, IsDroppedAndInsertedWithLengthsAndChecksums) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const std::size_t bytes : {0U, 1U, 2U, 3U, 1'000U, 1'001U}) {
      FrameSpec spec = segment(family);
      spec.data.assign(bytes, 0xa5);
      spec.data_bytes = 0;
      Bytes frame = test::build(spec);
      ParsedPacket packet = parsed(frame);
      EXPECT_EQ(tcp_payload_bytes(frame.data(), packet), bytes);
      drop_tcp_payload(frame.data(), packet);
      frame.resize(std::size_t{packet.l3_offset} + packet.ip_length_bytes);
      spec.data.clear();
      EXPECT_EQ(test::hex(frame), test::hex(test::build(spec)));

      const Bytes inserted = {1, 2, 3, 4, 5, 6};
      frame.insert(frame.end(), inserted.begin(), inserted.end());
      count_inserted(frame.data(), packet, inserted);
      spec.data = inserted;
      EXPECT_EQ(test::hex(frame), test::hex(test::build(spec)));
    }
}

TEST(QuotedSequence, IsReplacedWithEveryChecksumThatCoversIt) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const std::size_t quoted_bytes : {std::size_t{48}, std::size_t{76}}) {
      const FrameSpec inner = segment(family);
      const Bytes whole = test::packet_of(test::build(inner));
      const std::span<const std::uint8_t> quoted(whole.data(),
                                                 std::min(whole.size(), quoted_bytes));
      FrameSpec outer = segment(family);
      std::swap(outer.source, outer.destination);
      const std::uint8_t type = family == Family::ipv4 ? 3 : 2;
      Bytes frame = test::build_error(outer, type, 4, 1'300, quoted);
      const ParsedPacket error = parsed(frame);
      ParsedPacket inside;
      ASSERT_TRUE(parse_quoted(frame, error, inside));
      TcpSequence sequence = 0;
      ASSERT_TRUE(read_quoted_sequence(frame.data(), inside, sequence));
      EXPECT_EQ(sequence, 0x01020304U);
      set_quoted_sequence(frame.data(), error, inside, sequence - 28);
      FrameSpec shifted = inner;
      shifted.tcp_sequence -= 28;
      const Bytes expected = test::packet_of(test::build(shifted), quoted.size());
      EXPECT_EQ(test::hex(frame), test::hex(test::build_error(outer, type, 4, 1'300, expected)));
    }
}

TEST(QuotedSequence, IsNotReadBeyondTheQuotation) {
  const FrameSpec inner = segment(Family::ipv4);
  const Bytes quoted = test::packet_of(test::build(inner), 26);  // ports and half a number
  FrameSpec outer = inner;
  std::swap(outer.source, outer.destination);
  const Bytes frame = test::build_error(outer, 3, 4, 1'300, quoted);
  ParsedPacket inside;
  ASSERT_TRUE(parse_quoted(frame, parsed(frame), inside));
  TcpSequence sequence = 0;
  EXPECT_FALSE(read_quoted_sequence(frame.data(), inside, sequence));
}

}  // namespace
}  // namespace sluice
