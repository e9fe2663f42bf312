#include <gtest/gtest.h>
#include <vector>

#include "core/net/wire.h"
#include "tests/dataplane/rig.h"

// Flows whose client may be forged: they give way and are forgotten sooner. And how full tables
// are.

namespace sluice::dataplane {
namespace {

using test::compiled;
using test::FrameSpec;
using test::ip;
using test::Payload;
using test::sample_config;
using wire::TcpHeader;

Config udp_config(Forward forward, Family family = Family::ipv4) {
  return sample_config({.forward = forward,
                        .vip_family = family,
                        .backend_family = family,
                        .protocol = Protocol::udp});
}

FrameSpec datagram(Family family, unsigned number) {
  FrameSpec spec;
  spec.source =
      ip((family == Family::ipv4 ? "198.51." : "2001:db8:c::") + std::to_string(number / 200) +
         (family == Family::ipv4 ? "." : ":") + std::to_string(1 + number % 200));
  spec.destination = test::vip_of(family);
  spec.payload = Payload::udp;
  return spec;
}

FlowState state_of(const Rig& rig, const Snapshot& snapshot, const FrameSpec& frame) {
  const auto flow = rig.flow(snapshot, {frame.source, frame.destination, Port(frame.source_port),
                                        Port(80), Protocol::udp});
  return flow ? flow->state : FlowState::empty;
}

TEST(UdpHalfOpen, AFlowIsEstablishedWhenTheClientSpeaksAgain) {
  for (const Forward forward : {Forward::ipip, Forward::l2dsr, Forward::gue}) {
    Rig rig;
    const Snapshot snapshot = compiled(udp_config(forward));
    const FrameSpec frame = datagram(Family::ipv4, 1);
    (void)rig.send(snapshot, frame);
    EXPECT_EQ(state_of(rig, snapshot, frame), FlowState::unanswered);
    (void)rig.send(snapshot, frame);
    EXPECT_EQ(state_of(rig, snapshot, frame), FlowState::established);
  }
}

TEST(UdpHalfOpen, ANatSessionIsEstablishedWhenTheClientSpeaksAfterAnAnswer) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Rig rig;
    const Snapshot snapshot = compiled(udp_config(Forward::nat, family));
    const FrameSpec frame = datagram(family, 1);
    const Outcome out = rig.send(snapshot, frame);
    ASSERT_EQ(out.name(), "sent_nat");
    (void)rig.send(snapshot, frame);
    EXPECT_EQ(state_of(rig, snapshot, frame), FlowState::unanswered) << "however many it sends";
    EXPECT_EQ(rig.send(snapshot, answer_to(out, Payload::udp)).name(), "sent_nat_return");
    EXPECT_EQ(state_of(rig, snapshot, frame), FlowState::answered);
    EXPECT_EQ(rig.send(snapshot, answer_to(out, Payload::udp)).name(), "sent_nat_return");
    EXPECT_EQ(state_of(rig, snapshot, frame), FlowState::answered);
    (void)rig.send(snapshot, frame);
    EXPECT_EQ(state_of(rig, snapshot, frame), FlowState::established);
  }
}

TEST(UdpHalfOpen, IsForgottenAfterHalfAMinute) {
  for (const Forward forward : {Forward::ipip, Forward::nat})
    for (const int packets : {1, 2}) {
      Rig rig;
      const Snapshot snapshot = compiled(udp_config(forward));
      const FrameSpec frame = datagram(Family::ipv4, 1);
      const Outcome first = rig.send(snapshot, frame, 1'000);
      if (forward == Forward::nat) (void)rig.send(snapshot, answer_to(first, Payload::udp), 1'000);
      if (packets == 2) (void)rig.send(snapshot, frame, 1'000);
      rig.age(snapshot, 1'031);
      EXPECT_EQ(state_of(rig, snapshot, frame) == FlowState::empty, packets == 1);
      rig.age(snapshot, 1'121);
      EXPECT_EQ(state_of(rig, snapshot, frame), FlowState::empty) << "two minutes at most";
    }
}

TEST(UdpHalfOpen, AFloodOfForgedDatagramsLeavesEstablishedSessionsAndTakesNewOnes) {
  constexpr unsigned sessions = 256;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Rig rig({.flows_max = sessions});
    const Snapshot snapshot = compiled(udp_config(Forward::nat, family));
    std::vector<std::pair<FrameSpec, FrameSpec>> established;  // request, answer
    for (unsigned number = 0; number < 20 * sessions; ++number) {
      const FrameSpec request = datagram(family, number);
      const Outcome out = rig.send(snapshot, request);
      ASSERT_EQ(out.name(), "sent_nat") << "datagram " << number;
      // Of those that are forged every second one is answered, which helps it nothing.
      if (number % 2 == 0) (void)rig.send(snapshot, answer_to(out, Payload::udp));
      if (number % 50 != 0) continue;
      ASSERT_EQ(rig.send(snapshot, request).name(), "sent_nat");
      established.emplace_back(request, answer_to(out, Payload::udp));
    }
    EXPECT_EQ(rig.count(Verdict::drop_nat_table_full), 0U);
    for (const auto& [request, answer] : established) {
      EXPECT_EQ(state_of(rig, snapshot, request), FlowState::established);
      EXPECT_EQ(rig.send(snapshot, answer).name(), "sent_nat_return");
    }
  }
}

const TableGauge& gauge(const Rig& rig, TableKind kind) {
  return rig.counters().tables[static_cast<std::size_t>(kind)];
}

TEST(Gauges, FollowTheTablesUpAndDown) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Rig rig({.flows_max = 1'024});
    const Snapshot snapshot = compiled(udp_config(Forward::nat, family));
    for (unsigned i = 0; i < 100; ++i) (void)rig.send(snapshot, datagram(family, i), 1'000);
    rig.age(snapshot, 1'010);
    const bool is_v4 = family == Family::ipv4;
    const TableKind flows = is_v4 ? TableKind::flows4 : TableKind::flows6;
    const TableKind returns = is_v4 ? TableKind::nat_returns4 : TableKind::nat_returns6;
    for (const TableKind kind : {flows, returns, TableKind::nat_sessions}) {
      EXPECT_EQ(gauge(rig, kind).used, 100U);
      EXPECT_EQ(gauge(rig, kind).size / 10, 102U) << "flows_max, or what fits into whole buckets";
    }
    EXPECT_EQ(gauge(rig, is_v4 ? TableKind::flows6 : TableKind::flows4).used, 0U);
    rig.age(snapshot, 1'100);
    for (const TableKind kind : {flows, returns, TableKind::nat_sessions}) {
      EXPECT_EQ(gauge(rig, kind).used, 0U);
      EXPECT_EQ(gauge(rig, kind).used_max, 100U);
    }
  }
}

TEST(Gauges, CountFlowsOfWideListeners) {
  Rig rig({.flows_max = 1'024});
  Config config = udp_config(Forward::ipip);
  config.services[0].ports = {PortRange::any()};
  const Snapshot snapshot = compiled(config);
  for (unsigned i = 0; i < 100; ++i) (void)rig.send(snapshot, datagram(Family::ipv4, i), 1'000);
  rig.age(snapshot, 1'010);
  EXPECT_EQ(gauge(rig, TableKind::wide_flows).used, 100U);
  EXPECT_GE(gauge(rig, TableKind::wide_flows).size, 1'024U);
  EXPECT_EQ(gauge(rig, TableKind::flows4).used, 0U);
}

TEST(Gauges, CountFragmentsAndSources) {
  Rig rig({.flows_max = 1'024});
  Config config = udp_config(Forward::ipip);
  config.services[0].source_packets_per_second = 10;
  const Snapshot snapshot = compiled(config);
  for (unsigned i = 0; i < 10; ++i) {
    FrameSpec frame = datagram(Family::ipv4, i);
    frame.more_fragments = true;
    frame.dont_fragment = false;
    (void)rig.send(snapshot, frame, 1'000);
  }
  for (int step = 0; step < 40; ++step)
    rig.pipeline().age(snapshot, {static_cast<std::uint64_t>((1'000 + step * 0.002) * 1e9)});
  EXPECT_EQ(gauge(rig, TableKind::fragments).used, 10U);
  EXPECT_EQ(gauge(rig, TableKind::fragments).size, 8'192U);
  EXPECT_EQ(gauge(rig, TableKind::sources).used, 10U);
  EXPECT_EQ(gauge(rig, TableKind::sources).size, 256U);
}

}  // namespace
}  // namespace sluice::dataplane
