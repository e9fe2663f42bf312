#include "core/net/nat64.h"

#include <gtest/gtest.h>

#include "core/net/wire.h"
#include "tests/core/frames.h"
#include "tests/core/guarded_bytes.h"

namespace sluice {
namespace {

using test::Bytes;
using test::FrameSpec;
using test::Payload;

constexpr std::size_t link_bytes = sizeof(wire::EthernetHeader);

// A frame at the end of a buffer, with as much room in front as the caller must give.
class Placed {
 public:
  explicit Placed(const Bytes& frame)
      : frame_(buffer_.place(frame)), verdict_(parse(frame_, packet_)) {}
  [[nodiscard]] std::uint8_t* data() { return frame_.data(); }
  [[nodiscard]] const ParsedPacket& packet() const { return packet_; }
  [[nodiscard]] Verdict verdict() const { return verdict_; }
  [[nodiscard]] std::span<std::uint8_t> frame() { return frame_; }
  // Whether this lies in the buffer, no further in front than is allowed.
  [[nodiscard]] bool holds(std::span<const std::uint8_t> ip) const {
    return ip.data() + nat64_growth_bytes_max >= frame_.data() + packet_.l3_offset &&
           ip.data() + ip.size() <= frame_.data() + frame_.size();
  }

 private:
  static inline test::GuardedBytes buffer_{4'096};
  std::span<std::uint8_t> frame_;
  ParsedPacket packet_;
  Verdict verdict_;
};

// An IP packet as a frame, to compare with a built one.
Bytes framed(std::span<const std::uint8_t> ip) {
  Bytes out = test::build({});
  out.resize(link_bytes);
  out[12] = ip[0] >> 4 == 4 ? 0x08 : 0x86;
  out[13] = ip[0] >> 4 == 4 ? 0x00 : 0xdd;
  out.insert(out.end(), ip.begin(), ip.end());
  return out;
}

// A built IPv6 frame has a flow label; a translated one has none.
Bytes without_label(Bytes frame) {
  frame[link_bytes + 1] &= 0xf0;
  frame[link_bytes + 2] = frame[link_bytes + 3] = 0;
  return frame;
}

Translation random_translation(std::mt19937_64& random, Family family) {
  return {.source = test::random_address(random, family),
          .destination = test::random_address(random, family),
          .source_port = Be16::from_raw(static_cast<std::uint16_t>(random())),
          .destination_port = Be16::from_raw(static_cast<std::uint16_t>(random()))};
}

FrameSpec random_spec(std::mt19937_64& random, Family family) {
  FrameSpec spec;
  spec.source = test::random_address(random, family);
  spec.destination = test::random_address(random, family);
  spec.source_port = static_cast<std::uint16_t>(random());
  spec.payload = random() % 2 == 0 ? Payload::tcp : Payload::udp;
  spec.data_bytes = static_cast<std::uint16_t>(random() % (random() % 8 == 0 ? 1'400 : 40));
  spec.traffic_class = static_cast<std::uint8_t>(random());
  spec.ttl = static_cast<std::uint8_t>(2 + random() % 254);
  return spec;
}

// What `spec` is on the other side.
FrameSpec translated(FrameSpec spec, const Translation& to) {
  spec.source = to.source;
  spec.destination = to.destination;
  spec.source_port = to.source_port.host();
  spec.destination_port = to.destination_port.host();
  spec.extensions.clear();
  spec.option_words = 0;
  spec.udp_checksum_none = false;
  --spec.ttl;
  return spec;
}

TEST(Nat64, ToIpv4IsThePacketThatAnIpv4ClientWouldSend) {
  std::mt19937_64 random(51);
  for (int i = 0; i < 10'000; ++i) {
    FrameSpec spec = random_spec(random, Family::ipv6);
    if (random() % 2 == 0) spec.extensions = {60, 0, 60};
    const Translation to = random_translation(random, Family::ipv4);
    Placed placed(test::build(spec));
    const auto ip = translate_to_ipv4(placed.data(), placed.packet(), to, 0x1234);
    ASSERT_FALSE(ip.empty());
    ASSERT_TRUE(placed.holds(ip));
    FrameSpec wanted = translated(spec, to);
    wanted.dont_fragment = ip.size() > nat64_ipv4_mtu_bytes_min;
    Bytes seen = framed(ip);
    ASSERT_EQ(test::wrong_checksums(seen), "");
    const Bytes built = test::build(wanted);
    // The identification is ours to choose, and the header's checksum covers it.
    ASSERT_EQ(seen[link_bytes + 4] << 8 | seen[link_bytes + 5], 0x1234);
    for (const std::size_t at : {4U, 5U, 10U, 11U}) seen[link_bytes + at] = built[link_bytes + at];
    ASSERT_EQ(test::hex(seen), test::hex(built));
  }
}

TEST(Nat64, ToIpv6IsThePacketThatAnIpv6ServerWouldSend) {
  std::mt19937_64 random(52);
  for (int i = 0; i < 10'000; ++i) {
    FrameSpec spec = random_spec(random, Family::ipv4);
    spec.option_words = static_cast<std::uint8_t>(random() % 11);
    spec.udp_checksum_none = random() % 3 == 0;
    const Translation to = random_translation(random, Family::ipv6);
    Placed placed(test::build(spec));
    const auto ip = translate_to_ipv6(placed.data(), placed.packet(), to);
    ASSERT_FALSE(ip.empty());
    ASSERT_TRUE(placed.holds(ip));
    ASSERT_EQ(ip.size(), ipv6_length_bytes(placed.packet()));
    ASSERT_EQ(test::hex(framed(ip)), test::hex(without_label(test::build(translated(spec, to)))));
  }
}

TEST(Nat64, ADamagedPacketStaysDamaged) {
  std::mt19937_64 random(53);
  for (int i = 0; i < 2'000; ++i) {
    const bool to_ipv4 = random() % 2 == 0;
    Bytes frame = test::build(random_spec(random, to_ipv4 ? Family::ipv6 : Family::ipv4));
    frame.back() = static_cast<std::uint8_t>(frame.back() + 1);
    Placed placed(frame);
    const auto to = random_translation(random, to_ipv4 ? Family::ipv4 : Family::ipv6);
    const auto ip = to_ipv4 ? translate_to_ipv4(placed.data(), placed.packet(), to, 0)
                            : translate_to_ipv6(placed.data(), placed.packet(), to);
    ASSERT_NE(test::wrong_checksums(framed(ip)), "");
  }
}

TEST(Nat64, WhatHasNoFormIsLeftAsItWas) {
  FrameSpec bare;
  bare.payload = Payload::udp;
  bare.udp_checksum_none = true;
  bare.dont_fragment = false;
  bare.more_fragments = true;
  const Bytes fragment = test::build(bare);
  Placed placed(fragment);
  EXPECT_TRUE(translate_to_ipv6(placed.data(), placed.packet(), {}).empty());
  EXPECT_TRUE(std::ranges::equal(placed.frame(), fragment));

  FrameSpec signed_one;
  signed_one.source = test::ip("2001:db8::1");
  signed_one.destination = test::ip("2001:db8::2");
  signed_one.extensions = {wire::protocol_authentication};
  const Bytes authentic = test::build(signed_one);
  Placed other(authentic);
  if (other.verdict() == Verdict::none) {
    EXPECT_TRUE(translate_to_ipv4(other.data(), other.packet(), {}, 0).empty());
  }
}

// Errors in which anything may be damaged: inside the buffer, and of sane lengths.
TEST(Nat64, SurvivesDamagedErrors) {
  std::mt19937_64 random(54);
  int done = 0;
  for (int i = 0; i < 100'000; ++i) {
    const bool to_ipv4 = random() % 2 == 0;
    FrameSpec inner = random_spec(random, to_ipv4 ? Family::ipv6 : Family::ipv4);
    if (to_ipv4 && random() % 3 == 0) inner.extensions = {60};
    inner.option_words = static_cast<std::uint8_t>(random() % 3);
    const FrameSpec outer = random_spec(random, to_ipv4 ? Family::ipv6 : Family::ipv4);
    const std::uint8_t types[] = {1, 2, 3, 4, 3, 11, 12, 3};
    Bytes frame = test::build_error(outer, types[random() % 4 + (to_ipv4 ? 0 : 4)],
                                    static_cast<std::uint8_t>(random() % 16),
                                    static_cast<std::uint32_t>(random()),
                                    test::packet_of(test::build(inner), 28 + random() % 1'300));
    for (std::uint64_t changes = random() % 4; changes > 0; --changes)
      frame[link_bytes + random() % std::min<std::size_t>(140, frame.size() - link_bytes)] =
          static_cast<std::uint8_t>(random());
    Placed placed(frame);
    ParsedPacket quoted;
    if (placed.verdict() != Verdict::none || !is_icmp_error(placed.packet()) ||
        placed.packet().is_fragment || (placed.packet().family == Family::ipv6) != to_ipv4 ||
        !parse_quoted(placed.frame(), placed.packet(), quoted))
      continue;
    const Family family = to_ipv4 ? Family::ipv4 : Family::ipv6;
    const Nat64Error how{.addresses = {.source = test::random_address(random, family),
                                       .destination = test::random_address(random, family),
                                       .quoted = random_translation(random, family)},
                         .mtu_bytes_max = 1'500,
                         .identification = 7};
    const auto ip = to_ipv4 ? translate_error_to_ipv4(placed.data(), placed.packet(), quoted, how)
                            : translate_error_to_ipv6(placed.data(), placed.packet(), quoted, how);
    if (ip.empty()) continue;
    ++done;
    ASSERT_TRUE(placed.holds(ip)) << test::hex(frame);
    ASSERT_TRUE(to_ipv4 || ip.size() <= 1'280);
    ParsedPacket again;
    ASSERT_EQ(parse(framed(ip), again), Verdict::none) << test::hex(frame);
    ASSERT_EQ(again.ip_length_bytes, ip.size());
    if (test::wrong_checksums(frame).empty()) {
      ASSERT_EQ(test::wrong_checksums(framed(ip)), "") << test::hex(frame);
    }
  }
  EXPECT_GT(done, 20'000) << "too few to mean anything";
}

// RFC 4884: what follows the quoted packet cannot stay where it is.
TEST(Nat64, ExtensionsAreCutOff) {
  FrameSpec inner;
  inner.data_bytes = 200;
  Bytes quoted_bytes = test::packet_of(test::build(inner), 128);
  quoted_bytes.insert(quoted_bytes.end(), 12, 0x55);
  FrameSpec outer;
  const Bytes frame =
      test::build_error(outer, wire::icmp_time_exceeded, 0, 32U << 16, quoted_bytes);
  Placed placed(frame);
  ParsedPacket quoted;
  ASSERT_TRUE(parse_quoted(placed.frame(), placed.packet(), quoted));
  const auto ip =
      translate_error_to_ipv6(placed.data(), placed.packet(), quoted,
                              {.addresses = {.source = test::ip("2001:db8::1"),
                                             .destination = test::ip("2001:db8::2"),
                                             .quoted = {.source = test::ip("2001:db8::2"),
                                                        .destination = test::ip("2001:db8::1"),
                                                        .source_port = {},
                                                        .destination_port = {}}},
                               .mtu_bytes_max = 1'500});
  EXPECT_EQ(ip.size(), 40U + 8 + 128 + 20);
  EXPECT_EQ(test::wrong_checksums(framed(ip)), "");
  EXPECT_EQ(ip[44], 0) << "no length: the whole rest is quoted";
}

}  // namespace
}  // namespace sluice
