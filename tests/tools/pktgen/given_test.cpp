#include "tools/pktgen/given.h"

#include <gmock/gmock.h>

namespace sluice::pktgen {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

Given sample() {
  Given out;
  out.options.devices = {*parse_device("net_ring0")};
  out.options.traffic.sizes.clear();
  return out;
}

TEST(Given, DefaultsAreBounded) {
  const auto options = settle(sample());
  ASSERT_TRUE(options);
  EXPECT_EQ(options->rate, Rate(100'000));
  EXPECT_EQ(options->duration, seconds(10));
  EXPECT_TRUE(options->sends && options->receives);
  EXPECT_EQ(options->cores.size(), 1U);
  EXPECT_EQ(options->traffic.sources, *Prefix::parse("198.18.0.0/16"));
  EXPECT_EQ(options->traffic.sizes.front().frame_bytes, 64);
}

TEST(Given, DefaultsFollowTheFamilyAndTheCount) {
  Given given = sample();
  given.options.traffic.targets = *parse_targets("[2001:db8::1]:80");
  given.options.count = 5;
  const auto options = settle(given);
  ASSERT_TRUE(options);
  EXPECT_EQ(options->traffic.sources, *Prefix::parse("2001:2::/64"));
  EXPECT_EQ(options->traffic.sizes.front().frame_bytes, 84);
  EXPECT_EQ(options->duration, std::chrono::hours(1));
}

TEST(Given, ASearchBeginsAtTheTop) {
  Given given = sample();
  given.options.search = true;
  EXPECT_EQ(settle(given)->rate, Rate());
  given.rate = Rate(5);
  given.trial = seconds(60);
  EXPECT_EQ(settle(given)->rate, Rate(5));
  EXPECT_EQ(settle(given)->duration, seconds(60));
}

TEST(Given, TheSamePortTwiceIsOne) {
  Given given = sample();
  given.options.devices.push_back(given.options.devices.front());
  EXPECT_EQ(settle(given)->devices.size(), 1U);
}

TEST(Given, WhatDoesNotGoTogetherIsRefused) {
  const auto refusal = [](auto change) {
    Given given = sample();
    change(given);
    const auto options = settle(given);
    return options ? std::string() : options.error().text();
  };
  const DeviceName other{"vdev", "net_null1", ""};
  EXPECT_THAT(refusal([&](Given& given) {
                given.only = "send";
                given.options.devices.push_back(other);
              }),
              HasSubstr("(--only): write one --port"));
  EXPECT_THAT(refusal([&](Given& given) { given.options.devices.resize(3, other); }),
              HasSubstr("more than two ports"));
  EXPECT_THAT(refusal([](Given& given) {
                given.only = "receive";
                given.options.search = true;
              }),
              HasSubstr("a search must see"));
  EXPECT_THAT(refusal([](Given& given) { given.trial = seconds(1); }), HasSubstr("write --search"));
  EXPECT_THAT(refusal([](Given& given) {
                given.options.search = true;
                given.duration = seconds(1);
              }),
              HasSubstr("(--duration): write --trial"));
  EXPECT_THAT(refusal([](Given& given) { given.options.cores = {1'000}; }),
              HasSubstr("core 1000 cannot be used here"));
  EXPECT_THAT(refusal([](Given& given) {
                const std::uint16_t core = settle(sample())->cores.front();
                given.options.cores = {core, core};
              }),
              HasSubstr("the same core twice"));
}

}  // namespace
}  // namespace sluice::pktgen
