#include <gtest/gtest.h>
#include <map>
#include <set>

#include "tests/dataplane/rig.h"

// Services on ranges of ports, prefixes and any protocol, and SCTP.

namespace sluice::dataplane {
namespace {

using test::Bytes;
using test::compiled;
using test::FrameSpec;
using test::ip;
using test::Payload;
using test::sample_config;

constexpr Family families[] = {Family::ipv4, Family::ipv6};

PortRange ports(std::uint16_t low, std::uint16_t high) { return {Port(low), Port(high)}; }

Config config_of(Family family, Forward forward = Forward::ipip,
                 Protocol protocol = Protocol::tcp) {
  Config config = sample_config({.forward = forward,
                                 .vip_family = family,
                                 .backend_family = family,
                                 .protocol = protocol,
                                 .backends = 8});
  if (protocol == Protocol::any) config.services[0].ports.clear();
  return config;
}

FrameSpec client_frame(Family family, std::uint16_t client_port, std::uint16_t port = 80) {
  FrameSpec spec;
  if (family == Family::ipv6) spec.source = ip("2001:db8:c::7");
  spec.destination = test::vip_of(family);
  spec.source_port = client_port;
  spec.destination_port = port;
  return spec;
}

FiveTuple tuple_of(const FrameSpec& spec, Protocol protocol) {
  return {spec.source, spec.destination, Port(spec.source_port), Port(spec.destination_port),
          protocol};
}

// The config with one backend less, which the flow must not be on.
Config without(Config config, unsigned backend) {
  auto& list = config.services[0].backends;
  list.erase(list.begin() + (backend == 1 ? 1 : 0));
  return config;
}

TEST(WideServices, RangesTakeTheirPortsAndRememberTheirFlows) {
  for (const Family family : families) {
    Rig rig;
    Config config = config_of(family);
    config.services[0].ports = {ports(8'000, 8'999)};
    const Snapshot snapshot = compiled(config);
    std::set<unsigned> backends;
    for (const std::uint16_t port : std::to_array<std::uint16_t>({8'000, 8'500, 8'999})) {
      const FrameSpec spec = client_frame(family, 40'000, port);
      const Outcome out = rig.send(snapshot, spec);
      ASSERT_EQ(out.name(), "sent_ipip") << port;
      const auto flow = rig.flow(snapshot, tuple_of(spec, Protocol::tcp));
      ASSERT_TRUE(flow);
      EXPECT_EQ(flow->tuple, tuple_of(spec, Protocol::tcp));
      // Another backend goes: the slots move, the flow does not.
      const Snapshot fewer = compiled(without(config, out.backend()), {}, &snapshot);
      EXPECT_EQ(rig.send(fewer, spec).backend(), out.backend());
      (void)rig.send(snapshot, spec);
    }
    EXPECT_EQ(rig.counters().flows_inserted, 3U) << "one client port, three flows";
    for (const std::uint16_t port : std::to_array<std::uint16_t>({7'999, 9'000}))
      EXPECT_EQ(rig.send(snapshot, client_frame(family, 40'000, port)).name(), "drop_no_listener");
    rig.age(snapshot, 100'000);
    EXPECT_EQ(rig.counters().flows_expired, 3U);
  }
}

TEST(WideServices, FlowsOutliveAChangeOfTheRange) {
  Rig rig;
  Config config = config_of(Family::ipv4);
  config.services[0].ports = {ports(8'000, 8'099)};
  const Snapshot before = compiled(config);
  const FrameSpec spec = client_frame(Family::ipv4, 40'000, 8'050);
  const Outcome first = rig.send(before, spec);
  config = without(config, first.backend());
  config.services[0].ports = {PortRange::any()};
  const Snapshot after = compiled(config, {}, &before);
  EXPECT_EQ(rig.send(after, spec).backend(), first.backend());
  EXPECT_EQ(rig.counters().flows_inserted, 1U);
}

TEST(WideServices, EveryAddressOfAPrefixIsItsOwnDestination) {
  for (const Family family : families) {
    Rig rig;
    Config config = config_of(family);
    config.services[0].vips = {
        VipBlock::parse(family == Family::ipv4 ? "203.0.113.0/28" : "2001:db8::/64").value()};
    const Snapshot snapshot = compiled(config);
    std::set<unsigned> backends;
    for (unsigned last = 1; last < 16; ++last) {
      FrameSpec spec = client_frame(family, 40'000);
      spec.destination =
          ip((family == Family::ipv4 ? "203.0.113." : "2001:db8::") + std::to_string(last % 10));
      const Outcome out = rig.send(snapshot, spec);
      ASSERT_EQ(out.name(), "sent_ipip");
      backends.insert(out.backend());
      spec.payload = Payload::icmp_echo;
      EXPECT_EQ(rig.send(snapshot, spec).name(), "replied_echo");
    }
    EXPECT_EQ(rig.counters().flows_inserted, 10U);
    EXPECT_GT(backends.size(), 2U) << "the destination is hashed";
    FrameSpec outside = client_frame(family, 40'000);
    outside.destination = ip(family == Family::ipv4 ? "203.0.113.16" : "2001:db8:0:1::");
    EXPECT_EQ(rig.send(snapshot, outside).name(), "passed_to_kernel");
  }
}

TEST(WideServices, ExactServicesGoFirst) {
  Rig rig;
  Config config = config_of(Family::ipv4);
  config.services.push_back(test::sample_service({.name = "all", .forward = Forward::l2dsr}));
  config.services[1].protocol = Protocol::any;
  config.services[1].ports.clear();
  const Snapshot snapshot = compiled(config);
  EXPECT_EQ(rig.send(snapshot, client_frame(Family::ipv4, 1)).name(), "sent_ipip");
  EXPECT_EQ(rig.send(snapshot, client_frame(Family::ipv4, 1, 81)).name(), "sent_l2dsr");
  // Of a datagram to the exact service, later fragments too; unknown ones can only be the other's.
  FrameSpec first = client_frame(Family::ipv4, 1);
  first.dont_fragment = false;
  first.more_fragments = true;
  FrameSpec later = first;
  later.fragment_offset = 8;
  EXPECT_EQ(rig.send(snapshot, later).name(), "sent_l2dsr");
  EXPECT_EQ(rig.send(snapshot, first).name(), "sent_ipip");
  EXPECT_EQ(rig.send(snapshot, later).name(), "sent_ipip");
}

TEST(AnyProtocol, EverythingOfAClientGoesToOneBackend) {
  for (const Family family : families)
    for (const Forward forward : {Forward::ipip, Forward::gre, Forward::l2dsr}) {
      Rig rig;
      const Snapshot snapshot = compiled(config_of(family, forward, Protocol::any));
      std::set<unsigned> backends;
      std::set<std::string> verdicts;
      for (const Payload payload :
           {Payload::tcp, Payload::udp, Payload::sctp, Payload::icmp_echo, Payload::gre}) {
        FrameSpec spec = client_frame(family, 40'000);
        spec.payload = payload;
        spec.dont_fragment = false;
        for (const auto& [offset, more] : {std::pair{0, false}, {8, false}, {0, true}, {8, true}}) {
          spec.fragment_offset = static_cast<std::uint16_t>(offset);
          spec.more_fragments = more;
          const Outcome out = rig.send(snapshot, spec);
          backends.insert(out.backend());
          verdicts.insert(out.name());
        }
      }
      EXPECT_EQ(verdicts, std::set{"sent_" + std::string(spell(forward))});
      EXPECT_EQ(backends.size(), 1U);
      EXPECT_EQ(rig.counters().flows_inserted, 1U);
      const FrameSpec spec = client_frame(family, 1);
      const auto flow = rig.flow(snapshot, tuple_of(spec, Protocol::udp));
      ASSERT_TRUE(flow);
      EXPECT_EQ(flow->state, FlowState::established) << "a RST is not looked at";
      EXPECT_EQ(flow->tuple.protocol, Protocol::any);
    }
}

TEST(AnyProtocol, ErrorsGoToTheBackendOfTheClientTheyAreAbout) {
  for (const Family family : families)
    for (const Payload payload : {Payload::tcp, Payload::icmp_echo, Payload::gre}) {
      Rig rig;
      const Snapshot snapshot = compiled(config_of(family, Forward::ipip, Protocol::any));
      FrameSpec spec = client_frame(family, 40'000);
      spec.payload = payload;
      const unsigned backend = rig.send(snapshot, spec).backend();
      FrameSpec answer = spec;
      std::swap(answer.source, answer.destination);
      FrameSpec error = client_frame(family, 0);
      error.source = ip(family == Family::ipv4 ? "192.0.2.99" : "2001:db8:a::99");
      const bool ipv4 = family == Family::ipv4;
      const Outcome out =
          rig.send(snapshot, test::build_error(error, ipv4 ? 3 : 2, ipv4 ? 4 : 0, 1'300,
                                               test::packet_of(test::build(answer))));
      EXPECT_EQ(out.name(), "sent_icmp_error");
      EXPECT_EQ(out.backend(), backend);
    }
}

TEST(AnyProtocol, TooBigIsToldAboutWhateverIsNoError) {
  for (const Payload payload : {Payload::tcp, Payload::icmp_echo, Payload::gre}) {
    Rig rig;
    const Snapshot snapshot = compiled(config_of(Family::ipv4, Forward::ipip, Protocol::any));
    FrameSpec spec = client_frame(Family::ipv4, 40'000);
    spec.payload = payload;
    spec.data_bytes = 1'460;
    EXPECT_EQ(rig.send(snapshot, spec).name(), "replied_too_big");
  }
}

TEST(AnyProtocol, NeighbourDiscoveryIsNobodysTraffic) {
  Rig rig;
  const Snapshot snapshot = compiled(config_of(Family::ipv6, Forward::ipip, Protocol::any));
  for (const std::uint8_t type : std::to_array<std::uint8_t>({133, 135, 136, 137}))
    EXPECT_EQ(rig.send(snapshot,
                       test::build_error(client_frame(Family::ipv6, 0), type, 0, 0, Bytes(16, 0)))
                  .name(),
              "drop_icmp_unsupported");
}

TEST(NatRanges, KeepThePortAndComeBackUnderIt) {
  for (const Family family : families) {
    Rig rig;
    Config config = config_of(family, Forward::nat);
    config.services[0].ports = {ports(8'000, 8'999)};
    const Snapshot snapshot = compiled(config);
    for (const std::uint16_t port : std::to_array<std::uint16_t>({8'000, 8'123, 8'999})) {
      const Outcome out = rig.send(snapshot, client_frame(family, 40'000, port));
      ASSERT_EQ(out.name(), "sent_nat");
      EXPECT_EQ(test::wrong_checksums(out.frame), "");
      ParsedPacket sent;
      ASSERT_EQ(parse(out.frame, sent), Verdict::none);
      EXPECT_EQ(sent.destination_port.host(), port);
      FrameSpec answer;
      answer.source = sent.destination;
      answer.destination = sent.source;
      answer.source_port = port;
      answer.destination_port = sent.source_port.host();
      const Outcome back = rig.send(snapshot, answer);
      ASSERT_EQ(back.name(), "sent_nat_return");
      ParsedPacket returned;
      ASSERT_EQ(parse(back.frame, returned), Verdict::none);
      EXPECT_EQ(returned.source, test::vip_of(family));
      EXPECT_EQ(returned.source_port.host(), port);
      EXPECT_EQ(returned.destination_port.host(), 40'000);
    }
    EXPECT_TRUE(
        rig.flow(snapshot, tuple_of(client_frame(family, 40'000, 8'123), Protocol::tcp))->is_nat);
  }
}

TEST(NatRanges, HalfOpenSessionsGiveWayWithTheirFlows) {
  Rig rig;
  Config config = config_of(Family::ipv4, Forward::nat);
  config.services[0].ports = {ports(8'000, 8'999)};
  const Snapshot snapshot = compiled(config);
  for (unsigned i = 0; i < 3'000; ++i) {
    FrameSpec spec = client_frame(Family::ipv4, static_cast<std::uint16_t>(1'000 + i),
                                  static_cast<std::uint16_t>(8'000 + i % 1'000));
    spec.tcp_flags = 0x02;
    ASSERT_EQ(rig.send(snapshot, spec).name(), "sent_nat") << i;
  }
  EXPECT_GT(rig.counters().flows_evicted, 1'900U);
  rig.age(snapshot, 100'000);
  EXPECT_EQ(rig.counters().flows_inserted,
            rig.counters().flows_evicted + rig.counters().flows_expired);
}

TEST(Sctp, FollowsItsAssociationThroughEveryMode) {
  for (const Family family : families)
    for (const Forward forward : {Forward::ipip, Forward::gue, Forward::l2dsr, Forward::nat}) {
      Rig rig;
      const Snapshot snapshot = compiled(config_of(family, forward, Protocol::sctp));
      FrameSpec spec = client_frame(family, 40'000);
      spec.payload = Payload::sctp;
      const FiveTuple tuple = tuple_of(spec, Protocol::sctp);
      spec.sctp_chunk = 1;
      const Outcome first = rig.send(snapshot, spec);
      EXPECT_EQ(first.name(), "sent_" + std::string(spell(forward)));
      EXPECT_EQ(test::wrong_checksums(first.frame), "");
      EXPECT_EQ(rig.flow(snapshot, tuple)->state, FlowState::opening);
      for (const auto& [chunk, state] : {std::pair{10, FlowState::established},
                                         {0, FlowState::established},
                                         {14, FlowState::closing}}) {
        spec.sctp_chunk = static_cast<std::uint8_t>(chunk);
        const Outcome out = rig.send(snapshot, spec);
        EXPECT_EQ(out.backend(), first.backend());
        EXPECT_EQ(rig.flow(snapshot, tuple)->state, state) << chunk;
      }
      spec.payload = Payload::tcp;
      EXPECT_EQ(rig.send(snapshot, spec).name(), "drop_no_listener");
    }
}

TEST(Sctp, AnswersComeBackThroughNatApartFromTcpOnTheSamePorts) {
  Config config = config_of(Family::ipv4, Forward::nat, Protocol::sctp);
  config.services.push_back(test::sample_service({.name = "tcp", .forward = Forward::nat}));
  const Snapshot snapshot = compiled(config);
  Rig rig;
  for (const Payload payload : {Payload::sctp, Payload::tcp}) {
    FrameSpec spec = client_frame(Family::ipv4, 40'000);
    spec.payload = payload;
    ParsedPacket sent;
    ASSERT_EQ(parse(rig.send(snapshot, spec).frame, sent), Verdict::none);
    FrameSpec answer = spec;
    answer.source = sent.destination;
    answer.destination = sent.source;
    answer.source_port = 80;
    answer.destination_port = sent.source_port.host();
    const Outcome back = rig.send(snapshot, answer);
    EXPECT_EQ(back.name(), "sent_nat_return");
    EXPECT_EQ(test::wrong_checksums(back.frame), "");
    answer.payload = payload == Payload::sctp ? Payload::udp : Payload::sctp;
    EXPECT_EQ(rig.send(snapshot, answer).name(), "drop_nat_unknown_flow");
  }
}

TEST(Sctp, FragmentsFollowInTunnelsAndCannotBeTranslated) {
  for (const Forward forward : {Forward::ipip, Forward::nat}) {
    Rig rig;
    const Snapshot snapshot = compiled(config_of(Family::ipv4, forward, Protocol::sctp));
    FrameSpec spec = client_frame(Family::ipv4, 40'000);
    spec.payload = Payload::sctp;
    spec.dont_fragment = false;
    spec.more_fragments = true;
    const std::string expected = forward == Forward::nat ? "drop_fragment" : "sent_ipip";
    const Outcome first = rig.send(snapshot, spec);
    EXPECT_EQ(first.name(), expected);
    spec.fragment_offset = 8;
    spec.more_fragments = false;
    const Outcome later = rig.send(snapshot, spec);
    EXPECT_EQ(later.name(), expected);
    EXPECT_TRUE(forward == Forward::nat || later.backend() == first.backend());
  }
}

TEST(Sctp, ErrorsFindTheirAssociation) {
  for (const Forward forward : {Forward::ipip, Forward::nat}) {
    Rig rig;
    const Snapshot snapshot = compiled(config_of(Family::ipv4, forward, Protocol::sctp));
    FrameSpec spec = client_frame(Family::ipv4, 40'000);
    spec.payload = Payload::sctp;
    const unsigned backend = rig.send(snapshot, spec).backend();
    FrameSpec answer = spec;
    std::swap(answer.source, answer.destination);
    std::swap(answer.source_port, answer.destination_port);
    FrameSpec error = client_frame(Family::ipv4, 0);
    error.source = ip("192.0.2.99");
    const Outcome out = rig.send(
        snapshot, test::build_error(error, 3, 4, 1'300, test::packet_of(test::build(answer), 28)));
    EXPECT_EQ(out.name(), "sent_icmp_error");
    EXPECT_EQ(out.backend(), backend);
    EXPECT_EQ(test::wrong_checksums(out.frame), "");
  }
}

}  // namespace
}  // namespace sluice::dataplane
