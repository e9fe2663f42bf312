#include <gtest/gtest.h>

#include "core/net/parse.h"
#include "core/net/rewrite.h"
#include "core/net/wire.h"
#include "tests/core/frames.h"
#include "tests/core/guarded_bytes.h"

// What ICMP errors quote: reading it and translating it.

namespace sluice {
namespace {

using test::Bytes;
using test::FrameSpec;
using test::ip;
using test::Payload;

// A router's error to the VIP.
FrameSpec error_spec(Family family) {
  FrameSpec spec;
  spec.source = ip(family == Family::ipv4 ? "192.0.2.99" : "2001:db8:a::99");
  spec.destination = ip(family == Family::ipv4 ? "203.0.113.10" : "2001:db8::10");
  return spec;
}

// A server's packet to the client, under the VIP's address.
FrameSpec quoted_spec(Family family, Payload payload) {
  FrameSpec spec = error_spec(family);
  spec.source = spec.destination;
  spec.destination = ip(family == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::7");
  spec.source_port = 80;
  spec.destination_port = 40'000;
  spec.payload = payload;
  spec.data_bytes = 40;
  return spec;
}

Bytes too_big(Family family, const Bytes& quoted) {
  return family == Family::ipv4 ? test::build_error(error_spec(family), 3, 4, 1'300, quoted)
                                : test::build_error(error_spec(family), 2, 0, 1'280, quoted);
}

constexpr Family families[] = {Family::ipv4, Family::ipv6};
constexpr Payload payloads[] = {Payload::tcp, Payload::udp};

TEST(IcmpErrors, AreTheFourKindsOfEachFamily) {
  for (const Family family : families)
    for (int type = 0; type < 256; ++type) {
      const auto number = static_cast<std::uint8_t>(type);
      const Bytes frame = test::build_error(error_spec(family), number, 0, 0, Bytes(48, 0));
      ParsedPacket packet;
      ASSERT_EQ(parse(frame, packet), Verdict::none);
      const bool expected =
          family == Family::ipv4 ? type == 3 || type == 11 || type == 12 : type >= 1 && type <= 4;
      EXPECT_EQ(is_icmp_error(packet), expected) << type;
    }
}

// Every length of the quote, each ending at a page that nobody may touch.
TEST(Quoted, IsReadAsSoonAsThePortsAreThere) {
  test::GuardedBytes memory(4'096);
  for (const Family family : families)
    for (const Payload payload : payloads)
      for (const std::uint8_t option_words : std::to_array<std::uint8_t>({0, 3, 10})) {
        FrameSpec spec = quoted_spec(family, payload);
        spec.option_words = option_words;
        if (option_words != 0) spec.extensions = {0, 60, 44, 43};  // the fragment is atomic
        const Bytes whole = test::packet_of(test::build(spec));
        const std::size_t headers = family == Family::ipv4 ? 20 + std::size_t{option_words} * 4
                                                           : 40 + spec.extensions.size() * 8;
        for (std::size_t length = 0; length <= whole.size(); ++length) {
          const Bytes cut(whole.begin(), whole.begin() + static_cast<long>(length));
          const auto frame = memory.place(too_big(family, cut));
          ParsedPacket error;
          ASSERT_EQ(parse(frame, error), Verdict::none);
          ParsedPacket quoted;
          ASSERT_EQ(parse_quoted(frame, error, quoted), length >= headers + 4) << length;
          if (length < headers + 4) continue;
          EXPECT_EQ(quoted.family, family);
          EXPECT_EQ(quoted.layer4, payload == Payload::tcp ? Layer4::tcp : Layer4::udp);
          EXPECT_EQ(quoted.source, spec.source);
          EXPECT_EQ(quoted.destination, spec.destination);
          EXPECT_EQ(quoted.source_port.host(), 80);
          EXPECT_EQ(quoted.destination_port.host(), 40'000);
          EXPECT_EQ(quoted.l3_offset, frame.size() - length);
          EXPECT_EQ(quoted.l4_offset, quoted.l3_offset + headers);
          EXPECT_EQ(quoted.ip_length_bytes, length);
        }
      }
}

TEST(Quoted, IsNothingWeKnowFlowsOf) {
  const auto is_read = [](Family outer, const Bytes& quoted) {
    const Bytes frame = too_big(outer, quoted);
    ParsedPacket error;
    ParsedPacket out;
    EXPECT_EQ(parse(frame, error), Verdict::none);
    return parse_quoted(frame, error, out);
  };
  for (const Family family : families) {
    FrameSpec spec = quoted_spec(family, Payload::udp);
    EXPECT_TRUE(is_read(family, test::packet_of(test::build(spec))));
    const Family other = family == Family::ipv4 ? Family::ipv6 : Family::ipv4;
    EXPECT_FALSE(is_read(other, test::packet_of(test::build(spec)))) << "of the other family";
    spec.more_fragments = true;
    EXPECT_TRUE(is_read(family, test::packet_of(test::build(spec)))) << "a first fragment";
    spec.fragment_offset = 9;
    EXPECT_FALSE(is_read(family, test::packet_of(test::build(spec)))) << "a later fragment";
    spec = quoted_spec(family, Payload::icmp_echo);
    EXPECT_TRUE(is_read(family, test::packet_of(test::build(spec)))) << "without ports";
  }
}

// Random bytes, and real quotes with random damage: nothing outside the frame is read, and what is
// found lies inside. Translating it then writes inside only (the guard page) and leaves the length.
TEST(Quoted, RandomBytesDoNoHarm) {
  std::mt19937_64 random(792);
  test::GuardedBytes memory(4'096);
  int read = 0;
  for (int i = 0; i < 300'000; ++i) {
    const Family family = families[random() % 2];
    Bytes quoted(random() % 120);
    if (random() % 4 != 0) {
      FrameSpec spec = quoted_spec(family, payloads[random() % 2]);
      spec.option_words = static_cast<std::uint8_t>(random() % 11);
      for (std::size_t headers = random() % 10; headers > 0; --headers)
        spec.extensions.push_back(
            std::to_array<std::uint8_t>({0, 43, 44, 51, 60, 135})[random() % 6]);
      quoted = test::packet_of(test::build(spec), random() % 160);
      for (std::size_t hits = random() % 4; hits > 0 && !quoted.empty(); --hits)
        quoted[random() % quoted.size()] = static_cast<std::uint8_t>(random());
    } else {
      for (std::uint8_t& byte : quoted) byte = static_cast<std::uint8_t>(random());
      if (!quoted.empty()) quoted[0] = family == Family::ipv4 ? 0x45 : 0x60;
    }
    const auto frame = memory.place(too_big(family, quoted));
    ParsedPacket error;
    ASSERT_EQ(parse(frame, error), Verdict::none);
    ParsedPacket out;
    if (!parse_quoted(frame, error, out)) continue;
    ++read;
    ASSERT_GE(out.l4_offset, out.l3_offset + 20);
    ASSERT_LE(out.l4_offset, frame.size());
    if (!out.has_ports) continue;
    ASSERT_LE(out.l4_offset + 4U, frame.size());
    const ErrorTranslation translation{
        error.destination,
        error.source,
        {out.destination, out.source, out.destination_port, out.source_port}};
    translate_error(frame.data(), error, out, translation);
    ASSERT_EQ(test::wrong_checksums(frame), "") << test::hex(frame);
  }
  EXPECT_GT(read, 50'000);
}

// The translated error is the one that the router would have sent about the other packet.
TEST(TranslateError, GivesWhatWouldHaveBeenSent) {
  std::mt19937_64 random(5'508);
  for (int i = 0; i < 20'000; ++i) {
    const Family family = families[i % 2];
    FrameSpec before = quoted_spec(family, payloads[random() % 2]);
    before.option_words = static_cast<std::uint8_t>(random() % 3);
    if (random() % 3 == 0) before.extensions = {60, 0};
    before.data_bytes = static_cast<std::uint16_t>(random() % 60);
    before.udp_checksum_none = family == Family::ipv4 && random() % 8 == 0;
    FrameSpec after = before;
    after.source = test::random_address(random, family);
    after.destination = test::random_address(random, family);
    after.source_port = static_cast<std::uint16_t>(random());
    after.destination_port = static_cast<std::uint16_t>(random());
    FrameSpec outer = error_spec(family);
    FrameSpec outer_after = outer;
    outer_after.source = test::random_address(random, family);
    outer_after.destination = after.source;
    // Even: of a checksum that is quoted by half, the half cannot be known.
    const std::size_t length = 64 + random() % 50 * 2;
    const auto type = static_cast<std::uint8_t>(family == Family::ipv4 ? 11 : 3);
    Bytes frame =
        test::build_error(outer, type, 0, 0, test::packet_of(test::build(before), length));
    ParsedPacket error;
    ParsedPacket quoted;
    ASSERT_EQ(parse(frame, error), Verdict::none);
    ASSERT_TRUE(parse_quoted(frame, error, quoted));
    translate_error(frame.data(), error, quoted,
                    {.source = outer_after.source,
                     .destination = outer_after.destination,
                     .quoted = {.source = after.source,
                                .destination = after.destination,
                                .source_port = Port(after.source_port).be(),
                                .destination_port = Port(after.destination_port).be()}});
    const Bytes expected =
        test::build_error(outer_after, type, 0, 0, test::packet_of(test::build(after), length));
    ASSERT_EQ(test::hex(frame), test::hex(expected));
  }
}

TEST(TranslateError, KeepsADamagedMessageDamaged) {
  for (const Family family : families) {
    Bytes frame = too_big(family, test::packet_of(test::build(quoted_spec(family, Payload::tcp))));
    frame.back() ^= 1;
    ParsedPacket error;
    ParsedPacket quoted;
    ASSERT_EQ(parse(frame, error), Verdict::none);
    ASSERT_TRUE(parse_quoted(frame, error, quoted));
    translate_error(
        frame.data(), error, quoted,
        {error.destination,
         error.source,
         {quoted.destination, quoted.source, quoted.destination_port, quoted.source_port}});
    EXPECT_NE(test::wrong_checksums(frame), "");
  }
}

}  // namespace
}  // namespace sluice
