#include <cstring>
#include <gtest/gtest.h>

#include "core/net/wire.h"
#include "tests/dataplane/rig.h"

// A flow whose backend is gone: who is picked anew, who is reset, and what is counted meanwhile.

namespace sluice::dataplane {
namespace {

using test::compiled;
using test::FrameSpec;
using test::ip;
using test::sample_config;
using wire::TcpHeader;

Config death_config(Forward forward, Family family, OnDeath on_death,
                    Protocol protocol = Protocol::tcp) {
  Config config = sample_config({.forward = forward,
                                 .vip_family = family,
                                 .backend_family = family,
                                 .protocol = protocol,
                                 .backends = 2});
  config.services[0].health.type = ProbeType::tcp;
  config.services[0].on_death = on_death;
  return config;
}

Health health_of(TargetState first, TargetState second) {
  Health out;
  out.entries.push_back({"web", "b1", first});
  out.entries.push_back({"web", "b2", second});
  return out;
}

FrameSpec flow_frame(Family family, unsigned number, std::uint8_t tcp_flags = TcpHeader::ack) {
  FrameSpec spec;
  spec.source = ip(family == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::7");
  spec.destination = test::vip_of(family);
  spec.source_port = static_cast<std::uint16_t>(1'024 + number);
  spec.tcp_flags = tcp_flags;
  return spec;
}

std::uint64_t active(const Rig& rig) {
  std::uint64_t sum = 0;
  for (const BackendCounter& backend : rig.counters().backends) sum += backend.active;
  return sum;
}

// Two snapshots, and a flow that is on b1 in the first while b1 is down in the second.
struct Death {
  Config config;
  Snapshot before;
  Snapshot after;
  Rig rig;
  FrameSpec flow;

  Death(Forward forward, Family family, OnDeath on_death)
      : config(death_config(forward, family, on_death)),
        before(compiled(config, health_of(TargetState::up, TargetState::up))),
        after(compiled(config, health_of(TargetState::down, TargetState::up), &before)) {
    for (unsigned i = 0; i < 64; ++i) {
      flow = flow_frame(family, i, TcpHeader::syn);
      if (rig.send(before, flow).backend() == 1) break;
    }
    flow.tcp_flags = TcpHeader::ack;
  }
};

constexpr Family families[] = {Family::ipv4, Family::ipv6};

TEST(BackendDeath, ResetsTheClientWhereThatIsWanted) {
  for (const Forward forward : {Forward::ipip, Forward::gue, Forward::l2dsr, Forward::nat})
    for (const Family family : families) {
      // With nat there is no other way.
      Death death(forward, family, forward == Forward::nat ? OnDeath::repick : OnDeath::reset);
      const std::uint64_t flows = active(death.rig);
      FrameSpec frame = death.flow;
      frame.vlans = {300};
      frame.padding_bytes = 4;
      const Outcome out = death.rig.send(death.after, frame);
      ASSERT_EQ(out.name(), "replied_reset");
      EXPECT_EQ(out.out_port, 0) << "back by the way it came";
      EXPECT_EQ(test::wrong_checksums(out.frame), "");
      EXPECT_EQ(MacAddress::parse("02:00:00:00:00:01").value().bytes[5], out.frame[5]);
      ParsedPacket reset;
      ASSERT_EQ(parse(out.frame, reset), Verdict::none);
      EXPECT_EQ(reset.tcp_flags, TcpHeader::rst);
      EXPECT_EQ(reset.source, frame.destination);
      EXPECT_EQ(reset.destination, frame.source);
      EXPECT_EQ(reset.destination_port.host(), frame.source_port);
      EXPECT_EQ(reset.l3_offset, 18) << "the VLAN tag stays";
      EXPECT_EQ(out.frame.size(), std::size_t{reset.l3_offset} + reset.ip_length_bytes);
      EXPECT_EQ(active(death.rig), flows - 1) << "the flow is forgotten";
      EXPECT_EQ(death.rig.counters().flows_repicked, 0U);
    }
}

TEST(BackendDeath, PicksAnewByDefault) {
  for (const Forward forward : {Forward::ipip, Forward::gre, Forward::l2dsr})
    for (const Family family : families) {
      Death death(forward, family, OnDeath::repick);
      const std::uint64_t flows = active(death.rig);
      EXPECT_EQ(death.rig.send(death.after, death.flow).backend(), 2U);
      EXPECT_EQ(death.rig.counters().flows_repicked, 1U);
      EXPECT_EQ(active(death.rig), flows);
    }
}

TEST(BackendDeath, OfARemovedBackendIsTheSame) {
  for (const Forward forward : {Forward::ipip, Forward::nat}) {
    Death death(forward, Family::ipv4, OnDeath::reset);
    Config config = death.config;
    config.services[0].backends.erase(config.services[0].backends.begin());
    const Snapshot after =
        compiled(config, health_of(TargetState::up, TargetState::up), &death.before);
    EXPECT_EQ(death.rig.send(after, death.flow).name(), "replied_reset");
    EXPECT_NE(death.rig.send(after, death.flow).name(), "replied_reset") << "once";
  }
}

// A SYN begins a connection, or repeats one that nobody has answered.
TEST(BackendDeath, LetsASynGoElsewhere) {
  for (const Forward forward : {Forward::ipip, Forward::nat})
    for (const Family family : families) {
      Death death(forward, family, OnDeath::reset);
      death.flow.tcp_flags = TcpHeader::syn;
      EXPECT_EQ(death.rig.send(death.after, death.flow).backend(), 2U);
      death.flow.tcp_flags = TcpHeader::ack;
      EXPECT_EQ(death.rig.send(death.after, death.flow).backend(), 2U);
    }
}

TEST(BackendDeath, DoesNotAnswerAReset) {
  Death death(Forward::nat, Family::ipv4, OnDeath::reset);
  const std::uint64_t flows = active(death.rig);
  death.flow.tcp_flags = TcpHeader::rst;
  EXPECT_EQ(death.rig.send(death.after, death.flow).name(), "drop_backend_gone");
  EXPECT_EQ(active(death.rig), flows - 1) << "the client has given up itself";
}

TEST(BackendDeath, OfUdpIsAlwaysPickedAnew) {
  for (const Forward forward : {Forward::ipip, Forward::nat})
    for (const Family family : families) {
      const Config config = death_config(forward, family, OnDeath::repick, Protocol::udp);
      const Snapshot before = compiled(config, health_of(TargetState::up, TargetState::up));
      const Snapshot after =
          compiled(config, health_of(TargetState::down, TargetState::up), &before);
      Rig rig;
      for (unsigned i = 0; i < 64; ++i) {
        FrameSpec frame = flow_frame(family, i);
        frame.payload = test::Payload::udp;
        const unsigned home = rig.send(before, frame).backend();
        EXPECT_EQ(rig.send(after, frame).backend(), 2U) << "from " << home;
      }
      EXPECT_EQ(active(rig), 64U);
    }
}

// Every entry that is not reset yet stays, so that its next packet gets the reset.
TEST(BackendDeath, IsToldAtALimitedRateToEverybodyInTheEnd) {
  Rig rig({.flows_max = 8'192});
  const Config config = death_config(Forward::ipip, Family::ipv4, OnDeath::reset);
  const Snapshot before = compiled(config, health_of(TargetState::up, TargetState::down));
  const Snapshot after = compiled(config, health_of(TargetState::down, TargetState::up), &before);
  constexpr unsigned flows = 1'500;
  for (unsigned i = 0; i < flows; ++i) rig.send(before, flow_frame(Family::ipv4, i));
  ASSERT_EQ(rig.counters().backends[0].active, flows);
  for (unsigned i = 0; i < flows; ++i) rig.send(after, flow_frame(Family::ipv4, i));
  EXPECT_EQ(rig.count(Verdict::replied_reset), 1'000U);
  EXPECT_EQ(rig.count(Verdict::drop_reset_rate_limited), 500U);
  EXPECT_EQ(rig.counters().backends[0].active, 500U);
  for (unsigned i = 1'000; i < flows; ++i)
    EXPECT_EQ(rig.send(after, flow_frame(Family::ipv4, i), 1'001).name(), "replied_reset");
  EXPECT_EQ(active(rig), 0U);
}

TEST(BackendDeath, IsForgivenWhenTheBackendReturns) {
  Death death(Forward::nat, Family::ipv4, OnDeath::repick);
  const Snapshot back =
      compiled(death.config, health_of(TargetState::up, TargetState::up), &death.after);
  EXPECT_EQ(death.rig.send(back, death.flow).backend(), 1U) << "it had sent nothing meanwhile";
}

TEST(BackendDeath, OfAllKeepsEveryFlow) {
  for (const Forward forward : {Forward::ipip, Forward::nat}) {
    Death death(forward, Family::ipv4, OnDeath::reset);
    const Snapshot panic =
        compiled(death.config, health_of(TargetState::down, TargetState::down), &death.before);
    EXPECT_EQ(death.rig.send(panic, death.flow).backend(), 1U);
  }
}

TEST(BackendDeath, WaitsForTheFirstFragment) {
  Death death(Forward::ipip, Family::ipv4, OnDeath::reset);
  FrameSpec first = death.flow;
  first.more_fragments = true;
  first.dont_fragment = false;
  FrameSpec later = first;
  later.fragment_offset = 100;
  later.more_fragments = false;
  EXPECT_EQ(death.rig.send(death.before, first).backend(), 1U);
  EXPECT_EQ(death.rig.send(death.after, later).name(), "drop_backend_gone");
  EXPECT_EQ(death.rig.send(death.after, first).name(), "replied_reset");
}

// The gauge against the table itself, over flows that begin, end, move, expire and give way.
TEST(ActiveFlows, AreThoseInTheTableThroughDeathsAndResets) {
  for (const Forward forward : {Forward::ipip, Forward::nat}) {
    Rig rig({.flows_max = 128});
    const Config config = death_config(forward, Family::ipv4, OnDeath::repick);
    std::mt19937_64 random(52);
    Snapshot snapshot = compiled(config, health_of(TargetState::up, TargetState::up));
    double now = 1'000;
    for (int i = 0; i < 20'000; ++i) {
      now += 0.02;
      if (i % 100 == 0) {
        snapshot = compiled(config,
                            health_of(static_cast<TargetState>(random() % 3),
                                      static_cast<TargetState>(random() % 3)),
                            &snapshot);
        if (random() % 4 == 0) rig.age(snapshot, now += 65);
      }
      constexpr std::uint8_t flags[] = {TcpHeader::syn, TcpHeader::ack, TcpHeader::rst,
                                        TcpHeader::fin | TcpHeader::ack};
      rig.send(snapshot,
               flow_frame(Family::ipv4, static_cast<unsigned>(random() % 400), flags[random() % 4]),
               now);
      if (i % 50 != 0) continue;
      std::uint64_t held = 0;
      for (const auto& [backend, flows] : rig.count_active()) held += flows;
      ASSERT_EQ(active(rig), held) << "packet " << i;
    }
    EXPECT_GT(rig.counters().flows_expired, 0U);
    EXPECT_GT(rig.counters().flows_evicted, 0U);
    snapshot = compiled(config, health_of(TargetState::up, TargetState::up), &snapshot);
    rig.age(snapshot, now + 2'000);
    EXPECT_EQ(active(rig), 0U);
  }
}

}  // namespace
}  // namespace sluice::dataplane
