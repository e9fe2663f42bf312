#include "dataplane/l4/affinity.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

#include "core/net/wire.h"
#include "tests/dataplane/rig.h"

// A client stays where it is, over flows and over changes.

namespace sluice::dataplane {
namespace {

using namespace std::chrono_literals;
using test::compiled;
using test::FrameSpec;
using test::ip;

Config affinity_config(Family family = Family::ipv4, unsigned backends = 8) {
  Config config = test::sample_config({.forward = Forward::l2dsr,
                                       .vip_family = family,
                                       .backend_family = family,
                                       .backends = backends});
  config.services[0].affinity = {.timeout = 10min, .netmask4 = 24, .netmask6 = 64};
  config.services[0].ports = {Port(80), Port(443)};
  return config;
}

FrameSpec frame_of(const Address& client, unsigned port) {
  FrameSpec spec;
  spec.source = client;
  spec.destination = test::vip_of(client.family());
  spec.source_port = static_cast<std::uint16_t>(port);
  return spec;
}

Address client_of(unsigned net, unsigned host = 7) {
  return ip("10.9." + std::to_string(net) + "." + std::to_string(host));
}

TEST(Affinity, ANetworkOfClientsHasOneBackendOnAllPorts) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Rig rig;
    const Snapshot snapshot = compiled(affinity_config(family));
    std::set<unsigned> used;
    for (unsigned net = 1; net <= 30; ++net) {
      std::set<unsigned> of_net;
      for (unsigned host = 1; host <= 5; ++host) {
        const std::string text = family == Family::ipv4 ? client_of(net, host).text()
                                                        : "2001:db8:0:" + std::to_string(net) +
                                                              "::" + std::to_string(host);
        FrameSpec spec = frame_of(ip(text), 2'000 + host);
        of_net.insert(rig.send(snapshot, spec).backend());
        spec.destination_port = 443;
        of_net.insert(rig.send(snapshot, spec).backend());
      }
      EXPECT_EQ(of_net.size(), 1U);
      used.merge(of_net);
    }
    EXPECT_GT(used.size(), 4U);
  }
}

// By the address alone until it is remembered, so that all workers begin alike.
TEST(Affinity, WorkersAgreeWithoutKnowingOfEachOther) {
  Rig first;
  Rig second({.worker = 1, .workers = 2});
  const Snapshot snapshot = compiled(affinity_config());
  for (unsigned net = 1; net <= 60; ++net)
    ASSERT_EQ(first.send(snapshot, frame_of(client_of(net), 2'000)).backend(),
              second.send(snapshot, frame_of(client_of(net, 9), 3'000)).backend());
}

TEST(Affinity, OutlivesAChangeOfTheSlotsUntilItsTimeout) {
  Rig rig;
  Config config = affinity_config(Family::ipv4, 4);
  const Snapshot before = compiled(config);
  std::map<unsigned, unsigned> homes;
  for (unsigned net = 1; net <= 60; ++net)
    homes[net] = rig.send(before, frame_of(client_of(net), 2'000)).backend();
  config.services[0].backends = affinity_config(Family::ipv4, 8).services[0].backends;
  // Another service in front: numbers of services move.
  Config with_other = config;
  with_other.services.insert(with_other.services.begin(), test::sample_service({.name = "a"}));
  with_other.services[0].vips = {ip("203.0.113.99")};
  const Snapshot after = compiled(with_other, {}, &before);
  unsigned moved = 0;
  for (unsigned net = 1; net <= 60; ++net)
    ASSERT_EQ(rig.send(after, frame_of(client_of(net), 2'001), 1'500).backend(), homes[net]);
  for (unsigned net = 1; net <= 60; ++net)  // 400 s after its last new flow
    ASSERT_EQ(rig.send(after, frame_of(client_of(net), 2'002), 1'900).backend(), homes[net]);
  for (unsigned net = 1; net <= 60; ++net)  // 601 s after it
    if (rig.send(after, frame_of(client_of(net), 2'003), 2'501).backend() != homes[net]) ++moved;
  EXPECT_GT(moved, 10U) << "half of the slots have another owner";
}

TEST(Affinity, LeavesABackendThatIsDownDrainedOrGone) {
  for (const int how : {0, 1, 2, 3}) {
    Rig rig;
    Config config = affinity_config();
    config.services[0].health.type = ProbeType::tcp;
    Health health;
    for (const BackendConfig& backend : config.services[0].backends)
      health.entries.push_back({"web", backend.name, TargetState::up});
    const Snapshot before = compiled(config, health);
    const unsigned home = rig.send(before, frame_of(client_of(1), 2'000)).backend();
    auto& backends = config.services[0].backends;
    if (how == 0) health.entries[home - 1].state = TargetState::down;
    if (how == 1) backends[home - 1].drain = true;
    if (how == 2) backends[home - 1].weight = 0;
    if (how == 3) backends.erase(backends.begin() + home - 1);
    const Snapshot after = compiled(config, health, &before);
    const unsigned next = rig.send(after, frame_of(client_of(1), 2'001)).backend();
    EXPECT_NE(next, home);
    const Snapshot again = compiled(affinity_config(), health, &after);
    if (how == 0) continue;
    EXPECT_EQ(rig.send(again, frame_of(client_of(1), 2'002)).backend(), next)
        << "it has a new home now";
  }
}

TEST(Affinity, AFullBackendSendsItsClientsAwayForAsLongAsItIsFull) {
  Rig rig;
  Config config = affinity_config(Family::ipv4, 2);
  for (BackendConfig& backend : config.services[0].backends) backend.max_connections = 2;
  const Snapshot snapshot = compiled(config);
  const unsigned home = rig.send(snapshot, frame_of(client_of(1), 2'000)).backend();
  EXPECT_EQ(rig.send(snapshot, frame_of(client_of(1), 2'001)).backend(), home);
  EXPECT_EQ(rig.send(snapshot, frame_of(client_of(1), 2'002)).backend(), 3 - home);
  FrameSpec reset = frame_of(client_of(1), 2'001);
  reset.tcp_flags = wire::TcpHeader::rst;
  (void)rig.send(snapshot, reset);
  EXPECT_EQ(rig.send(snapshot, frame_of(client_of(1), 2'003)).backend(), home);
}

TEST(Affinity, WithoutRoomTheAddressDecides) {
  Rig rig({.flows_max = 256});
  const Snapshot snapshot = compiled(affinity_config());
  std::map<unsigned, unsigned> homes;
  for (unsigned net = 0; net < 250; ++net)
    homes[net] = rig.send(snapshot, frame_of(client_of(net), 2'000)).backend();
  EXPECT_GT(rig.counters().affinity_full, 50U);
  for (unsigned net = 0; net < 250; ++net)
    ASSERT_EQ(rig.send(snapshot, frame_of(client_of(net, 9), 3'000)).backend(), homes[net]);
  // Aged: there is room again.
  rig.age(snapshot, 2'000);
  const std::uint64_t full = rig.counters().affinity_full;
  (void)rig.send(snapshot, frame_of(client_of(251), 4'000), 2'000);
  EXPECT_EQ(rig.counters().affinity_full, full);
}

}  // namespace
}  // namespace sluice::dataplane
