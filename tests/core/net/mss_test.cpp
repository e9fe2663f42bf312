#include "core/net/mss.h"

#include <gtest/gtest.h>

#include "core/net/wire.h"
#include "tests/core/frames.h"
#include "tests/core/guarded_bytes.h"

namespace sluice {
namespace {

using test::Bytes;

// A SYN with these option bytes, a multiple of four of them, and right checksums.
Bytes syn_with(const Bytes& options, std::uint8_t flags = wire::TcpHeader::syn) {
  test::FrameSpec spec;
  spec.data_bytes = static_cast<std::uint16_t>(options.size());
  spec.tcp_flags = flags;
  Bytes frame = test::build(spec);
  ParsedPacket packet;
  EXPECT_EQ(parse(frame, packet), Verdict::none);
  std::uint8_t* const tcp = frame.data() + packet.l4_offset;
  tcp[12] = static_cast<std::uint8_t>((5 + options.size() / 4) << 4);
  std::ranges::copy(options, tcp + sizeof(wire::TcpHeader));
  tcp[16] = tcp[17] = 0;
  // The pseudo-header: addresses, protocol, length.
  const std::size_t length = frame.size() - packet.l4_offset;
  const auto start = static_cast<std::uint32_t>(wire::protocol_tcp + length);
  const std::uint32_t addresses =
      test::plain_sum(std::span(frame).subspan(packet.l3_offset + 12, 8), start);
  const auto checksum = static_cast<std::uint16_t>(
      ~test::plain_sum(std::span(frame).subspan(packet.l4_offset), addresses));
  tcp[16] = static_cast<std::uint8_t>(checksum >> 8);
  tcp[17] = static_cast<std::uint8_t>(checksum);
  EXPECT_EQ(test::wrong_checksums(frame), "");
  return frame;
}

bool clamp(Bytes& frame, std::uint16_t mss_bytes_max) {
  ParsedPacket packet;
  EXPECT_EQ(parse(frame, packet), Verdict::none);
  return clamp_mss(frame.data(), packet, mss_bytes_max);
}

TEST(ClampMss, MakesALargerOneSmallerWhereverItStands) {
  const Bytes cases[] = {{2, 4, 0x23, 0},
                         {1, 2, 4, 0xff, 0xff, 0, 0, 0},
                         {1, 1, 1, 2, 4, 5, 0xb5, 0},
                         {4, 2, 2, 4, 5, 0xb5, 1, 1}};
  for (const Bytes& options : cases) {
    Bytes frame = syn_with(options);
    EXPECT_TRUE(clamp(frame, 1'400)) << test::hex(options);
    EXPECT_EQ(test::wrong_checksums(frame), "") << test::hex(options);
    EXPECT_FALSE(clamp(frame, 1'400)) << "it is 1,400 now";
    EXPECT_TRUE(clamp(frame, 1'399));
  }
}

TEST(ClampMss, NeverMakesItLarger) {
  Bytes frame = syn_with({2, 4, 5, 0x78});  // 1,400
  const Bytes before = frame;
  for (const int most : {1'400, 1'401, 9'000, 65'535})
    EXPECT_FALSE(clamp(frame, static_cast<std::uint16_t>(most)));
  EXPECT_EQ(frame, before);
}

TEST(ClampMss, LeavesWhatItDoesNotUnderstand) {
  const Bytes cases[] = {{},                  // none
                         {1, 1, 1, 0},        // none, padded
                         {0, 2, 4, 0xff},     // behind the end
                         {2, 3, 0xff, 0xff},  // of another length
                         {2, 5, 0xff, 0xff, 0xff, 0, 0, 0},
                         {3, 0, 2, 4, 0xff, 0xff, 0, 0},  // a length of nothing
                         {3, 1, 2, 4, 0xff, 0xff, 0, 0},
                         {3, 9, 2, 4, 0xff, 0xff, 0, 0},  // beyond the end
                         {1, 1, 1, 2},                    // cut off
                         {1, 1, 2, 4}};
  for (const Bytes& options : cases) {
    Bytes frame = syn_with(options);
    const Bytes before = frame;
    EXPECT_FALSE(clamp(frame, 536)) << test::hex(options);
    EXPECT_EQ(frame, before);
  }
}

TEST(ClampMss, LooksAtSynsOnly) {
  for (const std::uint8_t flags : {wire::TcpHeader::ack, wire::TcpHeader::rst}) {
    Bytes frame = syn_with({2, 4, 0xff, 0xff}, flags);
    EXPECT_FALSE(clamp(frame, 536));
  }
  Bytes answer = syn_with({2, 4, 0xff, 0xff}, wire::TcpHeader::syn | wire::TcpHeader::ack);
  EXPECT_TRUE(clamp(answer, 536));
}

// Any options at the end of memory: no touch outside, the checksum as right as it was.
TEST(ClampMss, AnyOptionsKeepTheChecksum) {
  std::mt19937_64 random(42);
  test::GuardedBytes buffer(256);
  for (int i = 0; i < 50'000; ++i) {
    Bytes options(random() % 11 * 4);
    for (std::uint8_t& byte : options)
      byte = static_cast<std::uint8_t>(random() % (random() % 2 == 0 ? 6 : 256));
    const Bytes frame = syn_with(options);
    const auto placed = buffer.place(frame);
    ParsedPacket packet;
    ASSERT_EQ(parse(placed, packet), Verdict::none);
    const bool changed = clamp_mss(placed.data(), packet, 1);
    ASSERT_EQ(test::wrong_checksums(placed), "") << test::hex(options);
    ASSERT_EQ(changed, !std::ranges::equal(placed, frame)) << test::hex(options);
  }
}

}  // namespace
}  // namespace sluice
