#include "core/net/syn_cookie.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::ip;

constexpr SipHashKey key = {1, 2};

SynCookieFlow flow_of(Family family) {
  return {.client = ip(family == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::7"),
          .vip = ip(family == Family::ipv4 ? "203.0.113.10" : "2001:db8::10"),
          .client_port = Be16::from_host(40'000),
          .vip_port = Be16::from_host(80),
          .client_isn = 0x12345678};
}

TEST(SynCookie, KeepsWhatTheSynSaid) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const std::uint16_t mss :
         std::vector<std::uint16_t>{216, 536, 1'200, 1'360, 1'400, 1'440, 1'460, 8'940})
      for (int scale = -1; scale <= TcpOptions::window_scale_max; ++scale)
        for (const bool sack : {false, true})
          for (const std::uint32_t age : {0U, 1U}) {
            TcpOptions options{.mss_bytes = mss, .sack_permitted = sack};
            if (scale >= 0) options.window_scale = static_cast<std::uint8_t>(scale);
            const SynCookieFlow flow = flow_of(family);
            const TcpSequence cookie = make_syn_cookie(key, flow, options, 0U - age);
            EXPECT_EQ(read_syn_cookie(key, flow, cookie, 0), options);
          }
}

TEST(SynCookie, RoundsTheMssDown) {
  const auto back = [](Family family, std::optional<std::uint16_t> mss) {
    const SynCookieFlow flow = flow_of(family);
    const TcpSequence cookie = make_syn_cookie(key, flow, {.mss_bytes = mss}, 7);
    return read_syn_cookie(key, flow, cookie, 7)->mss_bytes.value();
  };
  for (std::uint32_t mss = 216; mss <= 0xffff; mss += 13) {
    const std::uint16_t got = back(Family::ipv4, static_cast<std::uint16_t>(mss));
    ASSERT_LE(got, mss);
  }
  EXPECT_EQ(back(Family::ipv4, 1'459), 1'440);
  EXPECT_EQ(back(Family::ipv4, 9'000), 8'940);
  EXPECT_EQ(back(Family::ipv4, 1), 216);
  EXPECT_EQ(back(Family::ipv4, std::nullopt), 536);
  EXPECT_EQ(back(Family::ipv6, std::nullopt), 1'200);
}

TEST(SynCookie, IsGoodForItsFlowAndItsTimeOnly) {
  const SynCookieFlow flow = flow_of(Family::ipv4);
  const TcpSequence cookie = make_syn_cookie(key, flow, {}, 100);
  EXPECT_TRUE(read_syn_cookie(key, flow, cookie, 101));
  EXPECT_FALSE(read_syn_cookie(key, flow, cookie, 102)) << "too old";
  EXPECT_FALSE(read_syn_cookie(key, flow, cookie, 99)) << "from the future";
  EXPECT_FALSE(read_syn_cookie({1, 3}, flow, cookie, 100)) << "another key";
  SynCookieFlow other = flow;
  other.client_port = Be16::from_host(40'001);
  EXPECT_FALSE(read_syn_cookie(key, other, cookie, 100));
  other = flow;
  other.client = ip("198.51.100.8");
  EXPECT_FALSE(read_syn_cookie(key, other, cookie, 100));
  other = flow;
  other.vip = ip("203.0.113.11");
  EXPECT_FALSE(read_syn_cookie(key, other, cookie, 100));
  other = flow;
  ++other.client_isn;
  EXPECT_FALSE(read_syn_cookie(key, other, cookie, 100));
}

TEST(SynCookie, GuessesAreWrong) {
  std::mt19937_64 random(3);
  const SynCookieFlow flow = flow_of(Family::ipv6);
  int right = 0;
  for (int i = 0; i < 100'000; ++i)
    right += read_syn_cookie(key, flow, static_cast<TcpSequence>(random()), 5) ? 1 : 0;
  EXPECT_LE(right, 2) << "one in 2^23 is expected";
}

}  // namespace
}  // namespace sluice
