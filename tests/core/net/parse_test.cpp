#include "core/net/parse.h"

#include <gtest/gtest.h>

#include "tests/core/frames.h"
#include "tests/core/guarded_bytes.h"

namespace sluice {
namespace {

using test::Bytes;
using test::FrameSpec;
using test::ip;
using test::Payload;

FrameSpec ipv6_spec() {
  FrameSpec spec;
  spec.source = ip("2001:db8:c::7");
  spec.destination = ip("2001:db8::10");
  return spec;
}

ParsedPacket parsed(const FrameSpec& spec, Verdict expected = Verdict::none) {
  ParsedPacket out;
  const Bytes frame = test::build(spec);
  EXPECT_EQ(to_string(parse(frame, out)), to_string(expected)) << test::hex(frame);
  return out;
}

// One of each kind of frame that the parser has a branch for.
std::vector<FrameSpec> every_kind() {
  std::vector<FrameSpec> out;
  for (const FrameSpec& base : {FrameSpec{}, ipv6_spec()})
    for (const Payload payload : {Payload::tcp, Payload::udp, Payload::icmp_echo})
      for (const std::vector<std::uint16_t>& vlans :
           std::vector<std::vector<std::uint16_t>>{{}, {100}, {100, 200}}) {
        FrameSpec spec = base;
        spec.payload = payload;
        spec.vlans = vlans;
        out.push_back(spec);
        spec.option_words = 10;
        spec.extensions = {0, 60, 43, 51, 135};
        out.push_back(spec);
        spec.more_fragments = true;
        out.push_back(spec);
        spec.fragment_offset = 100;
        out.push_back(spec);
      }
  return out;
}

TEST(Parse, ReadsAddressesPortsAndOffsets) {
  for (const FrameSpec& base : {FrameSpec{}, ipv6_spec()})
    for (const Payload payload : {Payload::tcp, Payload::udp})
      for (const std::vector<std::uint16_t>& vlans :
           std::vector<std::vector<std::uint16_t>>{{}, {7}, {7, 8}}) {
        FrameSpec spec = base;
        spec.payload = payload;
        spec.vlans = vlans;
        spec.padding_bytes = 9;
        spec.traffic_class = 0xb9;
        spec.ttl = 17;
        const ParsedPacket packet = parsed(spec);
        const unsigned l3 = 14 + 4 * static_cast<unsigned>(vlans.size());
        const unsigned header = spec.source.is_ipv4() ? 20 : 40;
        const unsigned layer4 = payload == Payload::tcp ? 20 : 8;
        EXPECT_EQ(packet.source, spec.source);
        EXPECT_EQ(packet.destination, spec.destination);
        EXPECT_EQ(packet.source_port.host(), spec.source_port);
        EXPECT_EQ(packet.destination_port.host(), spec.destination_port);
        EXPECT_TRUE(packet.has_ports);
        EXPECT_EQ(packet.l3_offset, l3);
        EXPECT_EQ(packet.l4_offset, l3 + header);
        EXPECT_EQ(packet.ip_length_bytes, header + layer4 + spec.data_bytes) << "without padding";
        EXPECT_EQ(packet.layer4, payload == Payload::tcp ? Layer4::tcp : Layer4::udp);
        EXPECT_EQ(packet.traffic_class, 0xb9);
        EXPECT_EQ(packet.ttl, 17);
        EXPECT_EQ(packet.tcp_flags, payload == Payload::tcp ? 0x18 : 0);
        EXPECT_TRUE(packet.dont_fragment);
        EXPECT_FALSE(packet.is_fragment);
      }
}

TEST(Parse, StepsOverIpv4Options) {
  for (std::uint8_t words = 0; words <= 10; ++words) {
    FrameSpec spec;
    spec.option_words = words;
    const ParsedPacket packet = parsed(spec);
    EXPECT_EQ(packet.l4_offset, 14 + 20 + 4 * words);
    EXPECT_EQ(packet.destination_port.host(), 80);
  }
}

TEST(Parse, StepsOverEightIpv6ExtensionHeadersAndRefusesNine) {
  for (std::size_t count = 0; count <= 8; ++count) {
    FrameSpec spec = ipv6_spec();
    spec.extensions.assign(count, 60);
    const ParsedPacket packet = parsed(spec);
    EXPECT_EQ(packet.l4_offset, 14 + 40 + 8 * count);
    EXPECT_EQ(packet.destination_port.host(), 80);
  }
  FrameSpec spec = ipv6_spec();
  spec.extensions.assign(9, 60);
  parsed(spec, Verdict::drop_bad_ip_header);
}

TEST(Parse, KnowsEveryExtensionHeader) {
  for (const int extension : {0, 43, 51, 60, 135}) {
    FrameSpec spec = ipv6_spec();
    spec.extensions = {static_cast<std::uint8_t>(extension)};
    EXPECT_EQ(parsed(spec).layer4, Layer4::tcp) << "extension " << extension;
  }
}

TEST(Parse, FirstFragmentsHavePortsAndLaterOnesNone) {
  for (const FrameSpec& base : {FrameSpec{}, ipv6_spec()}) {
    FrameSpec spec = base;
    spec.more_fragments = true;
    const ParsedPacket first = parsed(spec);
    EXPECT_TRUE(first.is_fragment);
    EXPECT_TRUE(first.has_ports);
    spec.fragment_offset = 1;
    const ParsedPacket later = parsed(spec);
    EXPECT_TRUE(later.is_fragment);
    EXPECT_FALSE(later.has_ports);
    spec.more_fragments = false;
    EXPECT_TRUE(parsed(spec).is_fragment) << "the last fragment is one too";
  }
}

TEST(Parse, AnAtomicFragmentIsAWholePacket) {  // RFC 6946
  FrameSpec spec = ipv6_spec();
  spec.extensions = {44};
  Bytes frame = test::build(spec);
  ParsedPacket packet;
  ASSERT_EQ(parse(frame, packet), Verdict::none);
  EXPECT_FALSE(packet.is_fragment);
  EXPECT_TRUE(packet.has_ports);
}

TEST(Parse, AnAtomicFragmentInsideAFragmentIsStillOne) {
  FrameSpec spec = ipv6_spec();
  spec.extensions = {44, 44};
  Bytes frame = test::build(spec);
  frame[14 + 40 + 3] = 1;  // more fragments, in the first header only
  ParsedPacket packet;
  ASSERT_EQ(parse(frame, packet), Verdict::none);
  EXPECT_TRUE(packet.is_fragment);
}

TEST(Parse, ReadsIcmpOfItsOwnFamilyOnly) {
  FrameSpec spec;
  spec.payload = Payload::icmp_echo;
  EXPECT_EQ(parsed(spec).layer4, Layer4::icmp);
  EXPECT_EQ(parsed(spec).icmp_type, 8);
  Bytes frame = test::build(spec);
  frame[14 + 9] = 58;  // ICMPv6 over IPv4 is nobody's
  ParsedPacket packet;
  EXPECT_EQ(parse(frame, packet), Verdict::passed_to_kernel);
  EXPECT_EQ(packet.layer4, Layer4::other);

  spec.source = ip("2001:db8:c::7");
  spec.destination = ip("2001:db8::10");
  EXPECT_EQ(parsed(spec).layer4, Layer4::icmpv6);
  EXPECT_EQ(parsed(spec).icmp_type, 128);
}

TEST(Parse, LeavesWhatIsNotIpToTheKernel) {
  ParsedPacket packet;
  Bytes frame = test::build({});
  frame[12] = 0x08;
  frame[13] = 0x06;  // ARP
  EXPECT_EQ(parse(frame, packet), Verdict::passed_to_kernel);
  EXPECT_EQ(parse({}, packet), Verdict::passed_to_kernel);
  FrameSpec spec;
  spec.vlans = {1, 2, 3};  // deeper than we look
  EXPECT_EQ(parse(test::build(spec), packet), Verdict::passed_to_kernel);
}

// Frames with one byte made wrong, and the verdict for it.
TEST(Parse, NamesWhatIsWrong) {
  const auto verdict_with = [](const FrameSpec& spec, std::size_t at, std::uint8_t value) {
    Bytes frame = test::build(spec);
    frame[at] = value;
    ParsedPacket packet;
    return to_string(parse(frame, packet));
  };
  FrameSpec udp;
  udp.payload = Payload::udp;
  EXPECT_EQ(verdict_with({}, 14, 0x65), "drop_bad_ip_header") << "version";
  EXPECT_EQ(verdict_with({}, 14, 0x44), "drop_bad_ip_header") << "header length below 20";
  EXPECT_EQ(verdict_with({}, 14 + 3, 19), "drop_bad_ip_header") << "total length below header";
  EXPECT_EQ(verdict_with({}, 14 + 2, 0x40), "drop_truncated") << "total length above frame";
  EXPECT_EQ(verdict_with({}, 14 + 20 + 12, 0x40), "drop_bad_tcp_header") << "offset below 5";
  EXPECT_EQ(verdict_with({}, 14 + 20 + 12, 0xf0), "drop_bad_tcp_header") << "offset above packet";
  EXPECT_EQ(verdict_with(udp, 14 + 20 + 5, 7), "drop_bad_udp_header") << "length below 8";
  EXPECT_EQ(verdict_with(udp, 14 + 20 + 4, 1), "drop_bad_udp_header") << "length above packet";
  EXPECT_EQ(verdict_with(ipv6_spec(), 14, 0x40), "drop_bad_ip_header") << "version";
  EXPECT_EQ(verdict_with(ipv6_spec(), 14 + 4, 1), "drop_truncated") << "length above frame";
}

TEST(Parse, RefusesMappedAddresses) {
  FrameSpec spec = ipv6_spec();
  for (const std::size_t at : {std::size_t{14 + 8}, std::size_t{14 + 24}}) {
    Bytes frame = test::build(spec);
    const auto mapped = ip("192.0.2.1").bytes();
    std::copy(mapped.begin(), mapped.end(), frame.begin() + static_cast<long>(at));
    ParsedPacket packet;
    EXPECT_EQ(parse(frame, packet), Verdict::drop_mapped_address);
  }
}

// What is promised to whoever reads the packet after `none`.
void expect_inside(std::span<const std::uint8_t> frame, const ParsedPacket& packet) {
  ASSERT_LE(packet.l3_offset + std::size_t{packet.ip_length_bytes}, frame.size());
  ASSERT_GE(packet.l4_offset, packet.l3_offset);
  ASSERT_LE(packet.l4_offset, packet.l3_offset + packet.ip_length_bytes);
  if (!packet.has_ports) return;
  const std::size_t layer4 = packet.layer4 == Layer4::tcp ? 20 : 8;
  ASSERT_LE(packet.l4_offset + layer4, std::size_t{packet.l3_offset} + packet.ip_length_bytes);
}

TEST(Parse, ReadsNothingBehindTheEndOfAFrameCutAnywhere) {
  test::GuardedBytes memory(4096);
  for (const FrameSpec& spec : every_kind()) {
    const Bytes frame = test::build(spec);
    for (std::size_t length = 0; length <= frame.size(); ++length) {
      const auto cut = memory.place(std::span(frame).first(length));
      ParsedPacket packet;
      const Verdict verdict = parse(cut, packet);
      if (verdict == Verdict::none) {
        ASSERT_EQ(length, frame.size()) << "a cut frame passed: " << test::hex(cut);
        expect_inside(cut, packet);
      }
    }
  }
}

TEST(Parse, ReadsNothingBehindTheEndOfMutatedFrames) {
  test::GuardedBytes memory(4096);
  std::mt19937_64 random(9);
  const std::vector<FrameSpec> kinds = every_kind();
  for (int i = 0; i < 300'000; ++i) {
    Bytes frame = test::build(kinds[random() % kinds.size()]);
    for (std::uint64_t changes = random() % 4 + 1; changes > 0; --changes)
      frame[12 + random() % std::min<std::size_t>(frame.size() - 12, 120)] =
          static_cast<std::uint8_t>(random());
    if (random() % 4 == 0) frame.resize(random() % (frame.size() + 1));
    const auto at = memory.place(frame);
    ParsedPacket packet;
    const Verdict verdict = parse(at, packet);
    if (verdict == Verdict::none) expect_inside(at, packet);
    if (HasFatalFailure()) FAIL() << test::hex(frame);
  }
}

TEST(Parse, ReadsNothingBehindTheEndOfNoise) {
  test::GuardedBytes memory(4096);
  std::mt19937_64 random(10);
  for (int i = 0; i < 100'000; ++i) {
    Bytes frame(random() % 128);
    for (std::uint8_t& byte : frame) byte = static_cast<std::uint8_t>(random());
    if (frame.size() > 14) {  // else noise is nearly never IP
      frame[12] = i % 2 == 0 ? 0x08 : 0x86;
      frame[13] = i % 2 == 0 ? 0x00 : 0xdd;
      frame[14] = i % 2 == 0 ? 0x45 : 0x60;
    }
    const auto at = memory.place(frame);
    ParsedPacket packet;
    if (parse(at, packet) == Verdict::none) expect_inside(at, packet);
  }
}

}  // namespace
}  // namespace sluice
