#include <gtest/gtest.h>

#include "core/config/explain.h"
#include "core/net/wire.h"
#include "tests/dataplane/rig.h"

// l3dsr, local and NAT64, and the sizes of a service's packets: what the golden packets do not
// show.

namespace sluice::dataplane {
namespace {

using test::Bytes;
using test::compiled;
using test::FrameSpec;
using test::ip;
using test::Payload;
using test::sample_config;

constexpr test::ServiceSpec nat64_spec{
    .forward = Forward::nat, .vip_family = Family::ipv6, .backend_family = Family::ipv4};

FrameSpec to_vip(Family family, std::uint16_t source_port = 40'000,
                 Payload payload = Payload::tcp) {
  FrameSpec spec;
  if (family == Family::ipv6) spec.source = ip("2001:db8:c::7");
  spec.destination = test::vip_of(family);
  spec.source_port = source_port;
  spec.payload = payload;
  return spec;
}

TEST(L3dsr, AFlowStaysOnItsBackend) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Rig rig;
    const Config config =
        sample_config({.forward = Forward::l3dsr, .vip_family = family, .backend_family = family});
    const Snapshot all = compiled(config);
    const Outcome first = rig.send(all, to_vip(family));
    ASSERT_EQ(first.name(), "sent_l3dsr");
    ParsedPacket packet;
    ASSERT_EQ(parse(first.frame, packet), Verdict::none);
    EXPECT_EQ(packet.destination, test::backend_address(family, first.backend()));
    EXPECT_EQ(packet.traffic_class >> 2, 5);
    Config drained = config;
    drained.services[0].backends[first.backend() - 1].drain = true;
    EXPECT_EQ(rig.send(compiled(drained, {}, &all), to_vip(family)).backend(), first.backend());
  }
}

TEST(L3dsr, MayBeBehindARouter) {
  const Config config = sample_config({.forward = Forward::l3dsr});
  Paths paths = test::paths_for(config);
  for (Path& path : paths.entries) path.next_hop = ip("10.0.1.99");
  const Snapshot snapshot = compile(config, {}, paths, nullptr).value();
  EXPECT_EQ(Rig().send(snapshot, to_vip(Family::ipv4)).name(), "sent_l3dsr");
}

TEST(Local, IsCountedAsTheListenersAndRememberedNowhere) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Rig rig;
    const Snapshot snapshot =
        compiled(sample_config({.forward = Forward::local, .vip_family = family}));
    const Bytes frame = test::build(to_vip(family));
    const Outcome out = rig.send(snapshot, frame);
    EXPECT_EQ(out.name(), "sent_local");
    EXPECT_EQ(exit_of(out.verdict), Exit::kernel);
    EXPECT_EQ(out.frame, frame);
    EXPECT_EQ(rig.counters().listeners[0].packets, 1U);
    EXPECT_EQ(rig.counters().listeners[0].bytes, frame.size() - sizeof(wire::EthernetHeader));
    EXPECT_EQ(rig.counters().flows_inserted, 0U);
    EXPECT_EQ(rig.send(snapshot, to_vip(family, 1, Payload::icmp_echo)).name(), "passed_to_kernel")
        << "the kernel answers pings to its own address";
  }
}

// A service that becomes local and one that stops being so, under the flows that it had.
TEST(Local, TakesTheFlowsOfAForwardedServiceAndGivesThemBack) {
  Rig rig;
  const Snapshot before = compiled(sample_config());
  const Outcome first = rig.send(before, to_vip(Family::ipv4));
  ASSERT_EQ(first.name(), "sent_ipip");
  const Snapshot local = compiled(sample_config({.forward = Forward::local}), {}, &before);
  EXPECT_EQ(rig.send(local, to_vip(Family::ipv4)).name(), "sent_local");
  const Snapshot after = compiled(sample_config(), {}, &local);
  EXPECT_EQ(rig.send(after, to_vip(Family::ipv4)).backend(), first.backend());
}

TEST(Nat64, AnswersComeBackAsIpv6) {
  for (const Payload payload : {Payload::tcp, Payload::udp}) {
    Rig rig;
    test::ServiceSpec spec = nat64_spec;
    spec.protocol = payload == Payload::tcp ? Protocol::tcp : Protocol::udp;
    const Snapshot snapshot = compiled(sample_config(spec));
    const FrameSpec request = to_vip(Family::ipv6, 40'000, payload);
    const Outcome out = rig.send(snapshot, request);
    ASSERT_EQ(out.name(), "sent_nat64");
    ASSERT_EQ(test::wrong_checksums(out.frame), "");
    FrameSpec answer = answer_to(out, payload);
    answer.vlans = {300};
    answer.padding_bytes = 4;
    answer.udp_checksum_none = true;
    const Outcome back = rig.send(snapshot, answer);
    ASSERT_EQ(back.name(), "sent_nat64_return");
    FrameSpec expected = request;
    std::swap(expected.source, expected.destination);
    std::swap(expected.source_port, expected.destination_port);
    std::swap(expected.link_source, expected.link_destination);
    --expected.ttl;
    Bytes wanted = test::build(expected);
    wanted[15] &= 0xf0;  // flow label 0
    wanted[16] = wanted[17] = 0;
    EXPECT_EQ(test::hex(back.frame), test::hex(wanted));
  }
}

TEST(Nat64, AnIdleSessionGoesAndItsPortIsFreeAgain) {
  Rig rig;
  const Snapshot snapshot = compiled(sample_config(nat64_spec));
  const Outcome out = rig.send(snapshot, to_vip(Family::ipv6), 1'000);
  ASSERT_EQ(rig.send(snapshot, answer_to(out), 1'001).name(), "sent_nat64_return");
  rig.age(snapshot, 1'000 + 3 * 3'600);
  EXPECT_EQ(rig.counters().flows_expired, 1U);
  EXPECT_EQ(rig.send(snapshot, answer_to(out), 1'001).name(), "drop_nat_unknown_flow");
}

TEST(Nat64, NeedsHeadroomToGrow) {
  Rig rig({.headroom_bytes = 47});
  const Snapshot snapshot = compiled(sample_config(nat64_spec));
  const Outcome out = rig.send(snapshot, to_vip(Family::ipv6));
  ASSERT_EQ(out.name(), "sent_nat64") << "this way it shrinks";
  EXPECT_EQ(rig.send(snapshot, answer_to(out)).name(), "drop_no_headroom");
}

TEST(Nat64, AnswersFitTheLinkOfTheirClients) {
  Rig rig({.port_mtus_bytes = {1'400}});
  const Snapshot snapshot = compiled(sample_config(nat64_spec));
  FrameSpec answer = answer_to(rig.send(snapshot, to_vip(Family::ipv6)));
  answer.data_bytes = 1'380 - 40;
  EXPECT_EQ(rig.send(snapshot, answer).name(), "sent_nat64_return");
  ++answer.data_bytes;
  const Outcome told = rig.send(snapshot, answer);
  EXPECT_EQ(told.name(), "replied_too_big");
  EXPECT_EQ(test::wrong_checksums(told.frame), "");
  EXPECT_EQ(told.frame[40] << 8 | told.frame[41], 1'380) << "what fits, in IPv4";
}

// An answer that comes to another worker goes to the one that has the session.
TEST(Nat64, AnAnswerIsHandedOver) {
  const Snapshot snapshot = compiled(sample_config(nat64_spec));
  Rig owner({.worker = 0, .workers = 2});
  Rig other({.worker = 1, .workers = 2});
  const FrameSpec answer = answer_to(owner.send(snapshot, to_vip(Family::ipv6)));
  const Outcome out = other.send(snapshot, answer);
  EXPECT_EQ(out.name(), "handed_over");
  EXPECT_EQ(out.to_worker, 0);
  EXPECT_EQ(owner.send(snapshot, answer).name(), "sent_nat64_return");
}

// Frames of either side, and errors about them, damaged in any way.
TEST(Nat64, SurvivesDamagedFrames) {
  Rig rig;
  std::mt19937_64 random(61);
  const Snapshot snapshot = compiled(sample_config(nat64_spec));
  const Outcome out = rig.send(snapshot, to_vip(Family::ipv6));
  const FrameSpec answer = answer_to(out);
  const Bytes frames[] = {
      test::build(to_vip(Family::ipv6)), test::build(answer),
      test::build_error(answer, wire::icmp_unreachable, 4, 1'300, test::packet_of(out.frame)),
      test::build_error(to_vip(Family::ipv6), wire::icmpv6_packet_too_big, 0, 1'300,
                        test::packet_of(rig.send(snapshot, answer).frame))};
  for (int i = 0; i < 100'000; ++i) {
    Bytes frame = frames[random() % std::size(frames)];
    for (std::uint64_t changes = random() % 4; changes > 0; --changes)
      frame[12 + random() % (frame.size() - 12)] = static_cast<std::uint8_t>(random());
    if (random() % 5 == 0) frame.resize(random() % (frame.size() + 1));
    const Outcome done = rig.send(snapshot, frame);
    ASSERT_NE(done.verdict, Verdict::none) << test::hex(frame);
    ASSERT_LE(done.frame.size(), frame.size() + 48);
  }
}

TEST(Sizes, TheServicesMtuIsToldToTheSender) {
  Config config = sample_config({.forward = Forward::l2dsr});
  config.services[0].mtu_bytes = 1'000;
  const Snapshot snapshot = compiled(config);
  Rig rig;
  FrameSpec spec = to_vip(Family::ipv4);
  spec.data_bytes = 1'000 - 40;
  EXPECT_EQ(rig.send(snapshot, spec).name(), "sent_l2dsr");
  ++spec.data_bytes;
  const Outcome told = rig.send(snapshot, spec);
  EXPECT_EQ(told.name(), "replied_too_big");
  EXPECT_EQ(told.frame[40] << 8 | told.frame[41], 1'000);
}

// Explain and the packet path, for the modes in which the backend does not show in an outer header.
TEST(Modes, ExplainNamesWhatThePacketTakes) {
  const std::pair<test::ServiceSpec, const char*> cases[] = {
      {{.forward = Forward::l3dsr}, "sent_l3dsr"},
      {nat64_spec, "sent_nat64"},
      {{.forward = Forward::local}, "sent_local"}};
  for (const auto& [spec, verdict] : cases) {
    Rig rig({.flows_max = 4'096});
    const Snapshot snapshot = compiled(sample_config(spec));
    for (std::uint16_t port = 1; port < 2'000; ++port) {
      const FrameSpec frame = to_vip(spec.vip_family, port);
      const FiveTuple tuple{frame.source, frame.destination, Port(port), Port(80), Protocol::tcp};
      const Explanation said = explain(snapshot, tuple, std::nullopt);
      const Outcome done = rig.send(snapshot, frame);
      ASSERT_EQ(done.name(), verdict);
      ASSERT_EQ(said.backend.has_value(), spec.forward != Forward::local);
      if (said.backend)
        ASSERT_EQ(test::backend_address(spec.backend_family, done.backend()),
                  snapshot.backend(*said.backend).address);
      else
        ASSERT_NE(said.reasons.back().find(verdict), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace sluice::dataplane
