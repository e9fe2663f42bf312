#include <gtest/gtest.h>
#include <map>
#include <random>

#include "core/net/wire.h"
#include "tests/dataplane/rig.h"

// What one client may do to a service.

namespace sluice::dataplane {
namespace {

using test::compiled;
using test::FrameSpec;
using test::ip;
using test::Payload;
using test::sample_config;
using wire::TcpHeader;

FrameSpec frame_from(const Address& source, std::uint16_t port,
                     std::uint8_t flags = TcpHeader::syn) {
  FrameSpec spec;
  spec.source = source;
  spec.destination = test::vip_of(source.family());
  spec.source_port = port;
  spec.tcp_flags = flags;
  return spec;
}

Config config_of(Forward forward, Family family = Family::ipv4) {
  return sample_config({.forward = forward, .vip_family = family, .backend_family = family});
}

TEST(Sources, SendAsManyPacketsAsTheirRateAllows) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Rig rig;
    Config config = config_of(Forward::ipip, family);
    config.services[0].source_packets_per_second = 10;
    config.services[0].source_packets_burst = 20;
    const Snapshot snapshot = compiled(config);
    const bool is_v4 = family == Family::ipv4;
    const Address greedy = ip(is_v4 ? "198.51.100.7" : "2001:db8:c::7");
    const Address modest = ip(is_v4 ? "198.51.100.8" : "2001:db8:c:1::7");
    for (int i = 0; i < 100; ++i) (void)rig.send(snapshot, frame_from(greedy, 40'000, 0x10), 1'000);
    EXPECT_EQ(rig.count(Verdict::sent_ipip), 20U);
    EXPECT_EQ(rig.count(Verdict::drop_source_packets), 80U);
    EXPECT_EQ(rig.counters().listeners[0].refused, 80U);
    EXPECT_EQ(rig.counters().listeners[0].packets, 100U);
    EXPECT_EQ(rig.send(snapshot, frame_from(modest, 40'000), 1'000).name(), "sent_ipip");
    EXPECT_EQ(rig.send(snapshot, frame_from(greedy, 40'000), 1'000.2).name(), "sent_ipip");
  }
}

TEST(Sources, BeginAsManyConnectionsAsTheirRateAllows) {
  for (const Forward forward : {Forward::ipip, Forward::nat}) {
    Rig rig;
    Config config = config_of(forward);
    config.services[0].source_connections_per_second = 5;
    const Snapshot snapshot = compiled(config);
    const Address client = ip("198.51.100.7");
    for (std::uint16_t port = 1'024; port < 1'044; ++port)
      (void)rig.send(snapshot, frame_from(client, port), 1'000);
    EXPECT_EQ(rig.count(Verdict::drop_source_connections), 15U);
    EXPECT_EQ(rig.counters().flows_inserted, 5U);
    EXPECT_EQ(rig.counters().listeners[0].refused, 15U);
    for (int i = 0; i < 50; ++i)
      EXPECT_EQ(exit_of(rig.send(snapshot, frame_from(client, 1'024, 0x10), 1'000).verdict),
                Exit::transmit)
          << "what is open goes on";
  }
}

TEST(Sources, HaveOnlySoManyConnectionsOpen) {
  for (const Forward forward : {Forward::ipip, Forward::nat}) {
    Rig rig;
    Config config = config_of(forward);
    config.services[0].source_connections = 3;
    const Snapshot snapshot = compiled(config);
    const Address client = ip("198.51.100.7");
    const auto send = [&](std::uint16_t port, std::uint8_t flags, double now = 1'000) {
      return rig.send(snapshot, frame_from(client, port, flags), now);
    };
    for (std::uint16_t port = 1; port <= 3; ++port)
      EXPECT_EQ(exit_of(send(port, TcpHeader::syn).verdict), Exit::transmit);
    EXPECT_EQ(send(4, TcpHeader::syn).name(), "drop_source_connections");
    EXPECT_EQ(rig.send(snapshot, frame_from(ip("198.51.100.8"), 4)).verdict,
              rig.send(snapshot, frame_from(ip("198.51.100.8"), 5)).verdict);
    // A closed connection counts until it is forgotten; then there is room for one more.
    (void)send(1, TcpHeader::fin | TcpHeader::ack);
    rig.age(snapshot, 1'061);
    EXPECT_EQ(exit_of(send(4, TcpHeader::syn, 1'061).verdict), Exit::transmit);
  }
}

TEST(Sources, ServicesWithoutLimitsKnowNothingOfThem) {
  Rig rig;
  const Snapshot snapshot = compiled(config_of(Forward::ipip));
  for (std::uint16_t port = 1; port <= 100; ++port)
    (void)rig.send(snapshot, frame_from(ip("198.51.100.7"), port));
  EXPECT_EQ(rig.count(Verdict::sent_ipip), 100U);
}

TEST(Sources, LimitsThatComeLaterCountFromThenOn) {
  Rig rig;
  Config config = config_of(Forward::ipip);
  const Snapshot before = compiled(config);
  const Address client = ip("198.51.100.7");
  (void)rig.send(before, frame_from(client, 1, 0x10));
  config.services[0].source_connections = 1;
  const Snapshot after = compiled(config, {}, &before);
  EXPECT_EQ(rig.send(after, frame_from(client, 1, 0x10)).name(), "sent_ipip");
  EXPECT_EQ(rig.send(after, frame_from(client, 2)).name(), "sent_ipip") << "the first counted";
  EXPECT_EQ(rig.send(after, frame_from(client, 3)).name(), "drop_source_connections");
  config.services[0].name = "renamed";
  const Snapshot renamed = compiled(config, {}, &after);
  EXPECT_EQ(rig.send(renamed, frame_from(client, 3)).name(), "sent_ipip") << "counted anew";
  rig.age(renamed, 5'000);
  EXPECT_EQ(rig.send(renamed, frame_from(client, 4), 5'000).name(), "sent_ipip");
  EXPECT_EQ(rig.send(renamed, frame_from(client, 5), 5'000).name(), "drop_source_connections");
}

// Random traffic over changes of everything, and after it what the limits count against what the
// flow table holds.
class Busy {
 public:
  Busy(Forward forward, Family family, std::uint64_t seed)
      : forward_(forward), family_(family), random_(seed) {
    change();
  }
  void step() {
    now_ += static_cast<double>(random_() % 1'000) / 1'000;
    if (random_() % 400 == 0) change();
    if (random_() % 50 == 0) rig_.age(*snapshot_, now_ += 31);
    constexpr std::uint8_t flags[] = {TcpHeader::syn, 0x10, 0x10, 0x11, TcpHeader::rst};
    const FrameSpec frame =
        frame_from(client(random_() % clients), static_cast<std::uint16_t>(1 + random_() % 8),
                   flags[random_() % std::size(flags)]);
    (void)rig_.send(*snapshot_, frame, now_);
  }
  // Of every client: it may open exactly as many more as the full scan says.
  void check() {
    for (unsigned number = 0; number < clients; ++number) {
      std::uint32_t open = 0;
      for (std::uint16_t port = 1; port <= 8; ++port) open += is_open(client(number), port) ? 1 : 0;
      std::uint32_t more = 0;
      for (std::uint16_t port = 100; port < 100 + limit; ++port)
        more += exit_of(rig_.send(*snapshot_, frame_from(client(number), port), now_).verdict) ==
                        Exit::transmit
                    ? 1
                    : 0;
      ASSERT_EQ(open + more, limit) << "client " << number;
    }
  }

 private:
  static constexpr unsigned clients = 20;
  static constexpr std::uint32_t limit = 6;

  [[nodiscard]] Address client(std::uint64_t number) const {
    return ip(family_ == Family::ipv4 ? "198.51.100." + std::to_string(1 + number)
                                      : "2001:db8:" + std::to_string(1 + number) + "::1");
  }
  [[nodiscard]] bool is_open(const Address& source, std::uint16_t port) const {
    return rig_
        .flow(*snapshot_, {source, test::vip_of(family_), Port(port), Port(80), Protocol::tcp})
        .has_value();
  }
  void change() {
    Config config = config_of(forward_, family_);
    config.services[0].source_connections = limit;
    config.services[0].backends.resize(1 + random_() % 3);
    snapshot_ = compiled(config, {}, snapshot_ ? &*snapshot_ : nullptr);
  }

  Forward forward_;
  Family family_;
  std::mt19937_64 random_;
  Rig rig_{{.flows_max = 1'024}};
  std::optional<Snapshot> snapshot_;
  double now_ = 1'000;
};

TEST(Sources, CountWhatAFullScanCounts) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Busy busy(seed % 2 == 0 ? Forward::ipip : Forward::nat,
              seed % 3 == 0 ? Family::ipv6 : Family::ipv4, seed);
    for (int i = 0; i < 5'000; ++i) busy.step();
    busy.check();
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
}

TEST(Sources, AFloodOfForgedOnesLocksNobodyOut) {
  Rig rig({.flows_max = 1'024});
  Config config = config_of(Forward::ipip);
  config.services[0].source_connections = 1;
  config.services[0].source_packets_per_second = 1;
  const Snapshot snapshot = compiled(config);
  for (std::uint32_t i = 0; i < 5'000; ++i)
    (void)rig.send(snapshot, frame_from(Address::from_ipv4(Be32::from_host(0x0a000000 + i)), 1));
  EXPECT_GT(rig.counters().sources_untracked, 0U);
  EXPECT_EQ(rig.count(Verdict::sent_ipip), 5'000U) << "one packet each is within every limit";
  EXPECT_EQ(rig.send(snapshot, frame_from(ip("198.51.100.7"), 1)).name(), "sent_ipip");
}

}  // namespace
}  // namespace sluice::dataplane
