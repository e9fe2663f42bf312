#include "tools/pktgen/traffic.h"

#include <gmock/gmock.h>
#include <set>

#include "tests/tools/pktgen/sample_traffic.h"
#include "tools/pktgen/flow_mix.h"
#include "tools/pktgen/flow_space.h"
#include "tools/pktgen/size_schedule.h"

namespace sluice::pktgen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Traffic, SizesAreFixedWeightedOrImix) {
  EXPECT_THAT(*parse_sizes("64"), ElementsAre(SizeShare{64, 1}));
  EXPECT_THAT(*parse_sizes("imix"),
              ElementsAre(SizeShare{64, 7}, SizeShare{594, 4}, SizeShare{1'518, 1}));
  EXPECT_EQ(parse_sizes("imix"), parse_sizes("64:7,594:4,1518:1"));
  for (const char* text : {"", "63", "2001", "64:0", "64,", "64:", "64:1:1", "imx", "64 ,128",
                           "64:1000,128:1", "64,64,64,64,64,64,64,64,64"})
    EXPECT_EQ(parse_sizes(text), std::nullopt) << text;
}

TEST(Traffic, TargetsAreBlocksTimesPorts) {
  EXPECT_THAT(*parse_targets("203.0.113.10:80"), ElementsAre(*Endpoint::parse("203.0.113.10:80")));
  EXPECT_THAT(
      *parse_targets("203.0.113.10/31:80-81"),
      ElementsAre(*Endpoint::parse("203.0.113.10:80"), *Endpoint::parse("203.0.113.10:81"),
                  *Endpoint::parse("203.0.113.11:80"), *Endpoint::parse("203.0.113.11:81")));
  EXPECT_THAT(*parse_targets("[2001:db8::1]:443"),
              ElementsAre(*Endpoint::parse("[2001:db8::1]:443")));
  EXPECT_EQ(parse_targets("[2001:db8::/120]:80")->size(), 256U);
  EXPECT_EQ(parse_targets("10.0.0.0/16:80")->size(), targets_max);
  for (const char* text :
       {"", "203.0.113.10", "203.0.113.10:", "203.0.113.10:0", "203.0.113.10:80-79",
        "203.0.113.10:80-", "203.0.113.1/24:80", "10.0.0.0/15:80", "10.0.0.0/16:80-81",
        "2001:db8::1:80", "[203.0.113.10]:80", "[2001:db8::1]80", "[2001:db8::1]x:80",
        "[2001:db8::1:80", "203.0.113.10:80:81", "2001:db8::/64:80"})
    EXPECT_EQ(parse_targets(text), std::nullopt) << text;
}

TEST(Traffic, ScheduleKeepsSharesAndSpreadsThem) {
  const auto turns = schedule_sizes(*parse_sizes("imix"));
  ASSERT_EQ(turns.size(), 12U);
  EXPECT_EQ(std::ranges::count(turns, 0), 7);
  EXPECT_EQ(std::ranges::count(turns, 1), 4);
  EXPECT_EQ(std::ranges::count(turns, 2), 1);
  for (std::size_t i = 0; i + 2 < turns.size(); ++i)
    EXPECT_FALSE(turns[i] == turns[i + 1] && turns[i + 1] == turns[i + 2]) << "three in a row";
}

TEST(Traffic, EachFlowHasEndsOfItsOwn) {
  const auto targets = *parse_targets("203.0.113.10:80-82");
  const FlowSpace space(*Prefix::parse("198.18.0.0/28"), targets);
  EXPECT_EQ(space.capacity(), 3U * 16 * 64'512);
  std::set<std::tuple<std::uint32_t, std::uint64_t, std::uint16_t>> seen;
  for (std::uint64_t flow = 0; flow < space.capacity(); flow += 61) {
    const FlowEnds ends = space.ends(flow);
    EXPECT_LT(ends.target, 3U);
    EXPECT_LT(ends.source_number, 16U);
    EXPECT_GE(ends.source_port.value(), FlowSpace::port_first);
    EXPECT_TRUE(seen.insert({ends.target, ends.source_number, ends.source_port.value()}).second);
  }
  EXPECT_EQ(space.ends(space.capacity() - 1).source_port, Port(65'535));
}

TEST(Traffic, NewFlowsAreMixedInEvenly) {
  const FlowMix mix(100'000);  // one in ten
  std::uint64_t fresh = 0;
  std::uint64_t standing = 0;
  for (std::uint64_t sequence = 0; sequence < 100'000; ++sequence) {
    const FlowMix::Position position = mix.at(sequence);
    ASSERT_EQ(position.number, position.is_new ? fresh : standing);
    ++(position.is_new ? fresh : standing);
    ASSERT_EQ(fresh, (sequence + 1) / 10);
  }
  EXPECT_FALSE(FlowMix(0).at(12'345).is_new);
  EXPECT_TRUE(FlowMix(ppm_of_all).at(12'345).is_new);
  EXPECT_EQ(FlowMix(ppm_of_all).at(12'345).number, 12'345U);
}

TEST(Traffic, SmallestFrameDependsOnHeaders) {
  EXPECT_EQ(frame_bytes_min(sample_traffic(Family::ipv4, Protocol::tcp)), 64);
  EXPECT_EQ(frame_bytes_min(sample_traffic(Family::ipv4, Protocol::udp)), 64);
  EXPECT_EQ(frame_bytes_min(sample_traffic(Family::ipv6, Protocol::tcp)), 84);
  EXPECT_EQ(frame_bytes_min(sample_traffic(Family::ipv6, Protocol::udp)), 80);
  Traffic tagged = sample_traffic(Family::ipv4, Protocol::tcp);
  tagged.vlan = 7;
  EXPECT_EQ(frame_bytes_min(tagged), 68);
}

TEST(Traffic, WhatCannotBeMadeIsRefusedWithARemedy) {
  const Traffic good = sample_traffic(Family::ipv4, Protocol::tcp);
  EXPECT_TRUE(validate(good));

  Traffic mixed = good;
  mixed.targets.push_back(*Endpoint::parse("[2001:db8::1]:80"));
  EXPECT_THAT(validate(mixed).error().text(),
              HasSubstr("in one run (--to): write addresses of one"));
  Traffic other_family = good;
  other_family.sources = *Prefix::parse("2001:db8::/64");
  EXPECT_THAT(validate(other_family).error().text(), HasSubstr("(--from): write a prefix of the"));
  Traffic small = sample_traffic(Family::ipv6, Protocol::tcp);
  small.sizes = {{64, 1}};
  EXPECT_THAT(validate(small).error().text(), HasSubstr("(--size): write 84 or more"));
  Traffic crowded = good;
  crowded.sources = *Prefix::parse("198.18.0.1");
  crowded.flows = 64'513;
  EXPECT_THAT(validate(crowded).error().text(),
              HasSubstr("64513 flows, but sources and targets make 64512 (--flows)"));
  crowded.flows = 64'512;
  EXPECT_TRUE(validate(crowded));
  crowded.new_flows_ppm = 1;
  EXPECT_FALSE(validate(crowded));
}

}  // namespace
}  // namespace sluice::pktgen
