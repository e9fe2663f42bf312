#include "core/net/parse_usual.h"

#include <gtest/gtest.h>

#include "tests/core/frames.h"
#include "tests/core/guarded_bytes.h"

namespace sluice {
namespace {

using test::Bytes;
using test::FrameSpec;
using test::Payload;

FrameSpec spec_of(Family family, Payload payload) {
  FrameSpec spec;
  spec.payload = payload;
  if (family == Family::ipv6) {
    spec.source = test::ip("2001:db8:c::7");
    spec.destination = test::ip("2001:db8::10");
  }
  return spec;
}

std::vector<FrameSpec> usual_kinds() {
  std::vector<FrameSpec> out;
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const Payload payload : {Payload::tcp, Payload::udp})
      out.push_back(spec_of(family, payload));
  return out;
}

std::vector<FrameSpec> unusual_kinds() {
  std::vector<FrameSpec> out;
  for (const FrameSpec& usual : usual_kinds()) {
    for (int kind = 0; kind < 5; ++kind) {
      FrameSpec spec = usual;
      if (kind == 0) spec.vlans = {100};
      if (kind == 1) spec.payload = Payload::icmp_echo;
      if (kind == 2) spec.payload = Payload::sctp;
      if (kind == 3) spec.more_fragments = true;
      if (kind == 4) (spec.source.is_ipv4() ? spec.option_words = 1 : spec.ttl = 1);
      if (kind == 4 && !spec.source.is_ipv4()) spec.extensions = {0};
      out.push_back(spec);
    }
  }
  return out;
}

// Whether the short way takes the frame; if so, it says the same as the long one.
bool is_usual(std::span<const std::uint8_t> frame) {
  ParsedPacket usual;
  if (!parse_usual(frame, usual)) return false;
  ParsedPacket any;
  EXPECT_EQ(to_string(parse(frame, any)), to_string(Verdict::none)) << test::hex(frame);
  EXPECT_EQ(usual, any) << test::hex(frame);
  return true;
}

TEST(ParseUsual, TakesWhatNearlyEveryPacketIsAndLeavesTheRest) {
  for (const FrameSpec& spec : usual_kinds()) EXPECT_TRUE(is_usual(test::build(spec)));
  for (const FrameSpec& spec : unusual_kinds()) EXPECT_FALSE(is_usual(test::build(spec)));
}

TEST(ParseUsual, TakesLinkPaddingForNoPartOfThePacket) {
  for (FrameSpec spec : usual_kinds()) {
    spec.data_bytes = 20;
    spec.padding_bytes = 6;
    EXPECT_TRUE(is_usual(test::build(spec)));
  }
}

TEST(ParseUsual, ReadsNothingBehindTheEndOfAFrameCutAnywhere) {
  test::GuardedBytes memory(2'048);
  for (const FrameSpec& spec : usual_kinds()) {
    const Bytes frame = test::build(spec);
    for (std::size_t length = 0; length < frame.size(); ++length)
      EXPECT_FALSE(is_usual(memory.place(std::span(frame).first(length)))) << length;
  }
}

TEST(ParseUsual, SaysTheSameOfMutatedFrames) {
  test::GuardedBytes memory(2'048);
  std::mt19937_64 random(31);
  std::size_t taken = 0;
  for (int round = 0; round < 20'000; ++round)
    for (const FrameSpec& spec : usual_kinds()) {
      Bytes frame = test::build(spec);
      for (std::uint64_t change = random() % 4; change-- > 0;)
        frame[12 + random() % (frame.size() - 12)] = static_cast<std::uint8_t>(random());
      taken += is_usual(memory.place(frame)) ? 1 : 0;
    }
  EXPECT_GT(taken, 20'000U);
}

}  // namespace
}  // namespace sluice
