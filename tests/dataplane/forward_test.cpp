#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <set>

#include "tests/dataplane/rig.h"

// One packet in, one packet out: every mode, family and protocol, and every reason not to send.

namespace sluice::dataplane {
namespace {

using test::Bytes;
using test::compiled;
using test::FrameSpec;
using test::ip;
using test::Payload;
using test::sample_config;
using test::ServiceSpec;

FrameSpec client_frame(Family family, Payload payload = Payload::tcp) {
  FrameSpec spec;
  spec.source = ip(family == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::7");
  spec.destination = test::vip_of(family);
  spec.payload = payload;
  return spec;
}

// The IP packet of a frame without VLAN tags.
Bytes ip_packet(const Bytes& frame) { return {frame.begin() + 14, frame.end()}; }

struct Case {
  Family vip_family;
  Family backend_family;
  Protocol protocol;
};

std::vector<Case> all_cases(bool mixed) {
  std::vector<Case> out;
  for (const Family vip : {Family::ipv4, Family::ipv6})
    for (const Family backend : {Family::ipv4, Family::ipv6})
      for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
        if (mixed || vip == backend) out.push_back({vip, backend, protocol});
  return out;
}

Snapshot snapshot_of(Forward forward, const Case& test_case, std::uint16_t mtu_bytes = 1'500) {
  return compiled(sample_config({.forward = forward,
                                 .vip_family = test_case.vip_family,
                                 .backend_family = test_case.backend_family,
                                 .protocol = test_case.protocol}),
                  {}, nullptr, mtu_bytes);
}

FrameSpec frame_of(const Case& test_case) {
  return client_frame(test_case.vip_family,
                      test_case.protocol == Protocol::tcp ? Payload::tcp : Payload::udp);
}

// 02:00:00:00:01:N from the balancer's address, and the EtherType.
void expect_link_to_backend(const Outcome& out, Family family) {
  const auto backend = test::backend_mac(out.backend());
  EXPECT_TRUE(std::equal(backend.bytes.begin(), backend.bytes.end(), out.frame.begin()));
  EXPECT_EQ(test::hex(std::span(out.frame).subspan(6, 8)),
            family == Family::ipv4 ? "02 00 00 00 00 02 08 00 " : "02 00 00 00 00 02 86 dd ");
  EXPECT_EQ(out.out_port, 0);
}

struct TunnelCase {
  const char* name;
  Forward forward;
  std::uint8_t gue_variant;
  std::uint8_t protocol;  // of the outer header; 0: by the inner family
  std::uint8_t shim_bytes;
  const char* verdict;
};
const std::array tunnel_cases = {
    TunnelCase{"ipip", Forward::ipip, 1, 0, 0, "sent_ipip"},
    TunnelCase{"gre", Forward::gre, 1, 47, 4, "sent_gre"},
    TunnelCase{"gue variant 1", Forward::gue, 1, 17, 8, "sent_gue"},
    TunnelCase{"gue variant 0", Forward::gue, 0, 17, 12, "sent_gue"},
};

Snapshot snapshot_of(const TunnelCase& tunnel, const Case& test_case) {
  Config config = sample_config({.forward = tunnel.forward,
                                 .vip_family = test_case.vip_family,
                                 .backend_family = test_case.backend_family,
                                 .protocol = test_case.protocol});
  config.services[0].gue_variant = tunnel.gue_variant;
  return compiled(config);
}

// The outer header's end and what is behind the shim are as the mode and the packet say.
void expect_in_tunnel(const Outcome& out, const TunnelCase& tunnel, const Case& test_case,
                      const Bytes& inner) {
  ASSERT_EQ(out.name(), tunnel.verdict);
  expect_link_to_backend(out, test_case.backend_family);
  EXPECT_EQ(test::wrong_checksums(out.frame), "");
  ParsedPacket outer;
  // UDP is the only one of them that the parser follows.
  EXPECT_EQ(parse(out.frame, outer),
            tunnel.forward == Forward::gue ? Verdict::none : Verdict::passed_to_kernel);
  EXPECT_EQ(outer.source, test::balancer_address(test_case.backend_family));
  EXPECT_EQ(outer.destination, test::backend_address(test_case.backend_family, out.backend()));
  EXPECT_EQ(outer.ip_protocol, tunnel.protocol != 0                   ? tunnel.protocol
                               : test_case.vip_family == Family::ipv4 ? 4
                                                                      : 41);
  EXPECT_EQ(Bytes(out.frame.begin() + outer.l4_offset + tunnel.shim_bytes, out.frame.end()), inner);
}

TEST(Tunnels, TakeTheUnchangedPacket) {
  for (const TunnelCase& tunnel : tunnel_cases)
    for (const Case& test_case : all_cases(true))
      for (const std::vector<std::uint16_t>& vlans :
           std::vector<std::vector<std::uint16_t>>{{}, {100}, {100, 200}}) {
        SCOPED_TRACE(tunnel.name);
        Rig rig;
        FrameSpec spec = frame_of(test_case);
        const Bytes inner = ip_packet(test::build(spec));
        spec.vlans = vlans;
        spec.padding_bytes = 6;
        expect_in_tunnel(rig.send(snapshot_of(tunnel, test_case), spec), tunnel, test_case, inner);
      }
}

// On every worker and balancer, in the flow's first packet and in all others.
TEST(Gue, AFlowHasOneSourcePortAndFlowsHaveMany) {
  const Snapshot snapshot = compiled(sample_config({.forward = Forward::gue}));
  Rig rig;
  Rig other({.worker = 1, .workers = 2});
  std::set<std::uint16_t> ports;
  for (std::uint16_t flow = 0; flow < 100; ++flow) {
    FrameSpec spec = client_frame(Family::ipv4);
    spec.source_port = static_cast<std::uint16_t>(40'000 + flow);
    const auto port_of = [&](Rig& used) {
      ParsedPacket outer;
      EXPECT_EQ(parse(used.send(snapshot, spec).frame, outer), Verdict::none);
      EXPECT_EQ(outer.destination_port.host(), 6'080);
      return outer.source_port.host();
    };
    const std::uint16_t port = port_of(rig);
    EXPECT_GE(port, 49'152);
    EXPECT_EQ(port_of(rig), port);
    EXPECT_EQ(port_of(other), port);
    ports.insert(port);
  }
  EXPECT_GT(ports.size(), 90U);
}

TEST(L2dsr, ChangesLinkAddressesAndTtlOnly) {
  for (const Case& test_case : all_cases(false)) {
    Rig rig;
    FrameSpec spec = frame_of(test_case);
    spec.vlans = {100};
    const Outcome out = rig.send(snapshot_of(Forward::l2dsr, test_case), spec);
    ASSERT_EQ(out.name(), "sent_l2dsr");
    expect_link_to_backend(out, test_case.vip_family);
    spec.vlans.clear();
    --spec.ttl;
    EXPECT_EQ(test::hex(ip_packet(out.frame)), test::hex(ip_packet(test::build(spec))));
  }
}

TEST(Nat, TranslatesBothAddressesAndPorts) {
  for (const Case& test_case : all_cases(false)) {
    Rig rig;
    FrameSpec spec = frame_of(test_case);
    const Outcome out = rig.send(snapshot_of(Forward::nat, test_case), spec);
    ASSERT_EQ(out.name(), "sent_nat");
    expect_link_to_backend(out, test_case.vip_family);
    ParsedPacket packet;
    ASSERT_EQ(parse(out.frame, packet), Verdict::none);
    EXPECT_GE(packet.source_port.host(), 1'024);
    spec.source = test::pool_address(test_case.vip_family);
    spec.destination = test::backend_address(test_case.vip_family, out.backend());
    spec.source_port = packet.source_port.host();
    --spec.ttl;
    EXPECT_EQ(test::hex(ip_packet(out.frame)), test::hex(ip_packet(test::build(spec))));
  }
}

TEST(Ttl, EndsAPacketThatIsRoutedButNotOneInATunnel) {
  for (const std::uint8_t ttl : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2}})
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      const Case test_case{family, family, Protocol::tcp};
      FrameSpec spec = frame_of(test_case);
      spec.ttl = ttl;
      const auto verdict = [&](Forward forward) {
        Rig rig;
        return rig.send(snapshot_of(forward, test_case), spec).name();
      };
      EXPECT_EQ(verdict(Forward::ipip), "sent_ipip");
      EXPECT_EQ(verdict(Forward::gre), "sent_gre");
      EXPECT_EQ(verdict(Forward::gue), "sent_gue");
      EXPECT_EQ(verdict(Forward::l2dsr), ttl < 2 ? "drop_ttl_exceeded" : "sent_l2dsr");
      EXPECT_EQ(verdict(Forward::nat), ttl < 2 ? "drop_ttl_exceeded" : "sent_nat");
    }
}

void expect_limit(const TunnelCase& tunnel, const Case& test_case) {
  Rig rig;
  const Snapshot snapshot = snapshot_of(tunnel, test_case);
  FrameSpec spec = frame_of(test_case);
  const unsigned limit =
      (test_case.backend_family == Family::ipv4 ? 1'480U : 1'460U) - tunnel.shim_bytes;
  const unsigned headers = (test_case.vip_family == Family::ipv4 ? 20 : 40) +
                           (test_case.protocol == Protocol::tcp ? 20U : 8U);
  spec.data_bytes = static_cast<std::uint16_t>(limit - headers);
  spec.vlans = {100};
  const Outcome largest = rig.send(snapshot, spec);
  EXPECT_EQ(largest.name(), tunnel.verdict);
  EXPECT_EQ(largest.frame.size(), 14 + 1'500U);
  ++spec.data_bytes;
  const Outcome out = rig.send(snapshot, spec);
  ASSERT_EQ(out.name(), "replied_too_big");
  EXPECT_EQ(out.out_port, 0);
  EXPECT_EQ(test::wrong_checksums(out.frame), "");
  EXPECT_EQ(test::hex(std::span(out.frame).first(16)),
            "02 00 00 00 00 01 02 00 00 00 00 02 81 00 00 64 ")
      << "back by the hop and VLAN that it came from";
  ParsedPacket packet;
  ASSERT_EQ(parse(out.frame, packet), Verdict::none);
  EXPECT_EQ(packet.source, spec.destination);
  EXPECT_EQ(packet.destination, spec.source);
  EXPECT_EQ(packet.icmp_type, test_case.vip_family == Family::ipv4 ? 3 : 2);
  const std::size_t mtu_at = packet.l4_offset + std::size_t{6};
  EXPECT_EQ(out.frame[mtu_at] << 8 | out.frame[mtu_at + 1], static_cast<int>(limit));
}

TEST(Mtu, AtTheLimitIsSentAndAboveItTheSenderIsTold) {
  for (const TunnelCase& tunnel : tunnel_cases)
    for (const Case& test_case : all_cases(true)) {
      SCOPED_TRACE(tunnel.name);
      expect_limit(tunnel, test_case);
    }
}

TEST(Mtu, ASenderThatCannotBeToldIsNot) {
  Rig rig;
  const Snapshot snapshot = snapshot_of(Forward::ipip, {Family::ipv4, Family::ipv4, Protocol::tcp});
  FrameSpec spec = client_frame(Family::ipv4);
  spec.data_bytes = 1'460;
  spec.dont_fragment = false;
  EXPECT_EQ(rig.send(snapshot, spec).name(), "drop_too_big");
  spec.dont_fragment = true;
  spec.source = ip("224.0.0.1");
  EXPECT_EQ(rig.send(snapshot, spec).name(), "drop_too_big");
}

TEST(Mtu, RepliesAreRateLimited) {
  Rig rig;
  const Snapshot snapshot = snapshot_of(Forward::ipip, {Family::ipv4, Family::ipv4, Protocol::tcp});
  FrameSpec spec = client_frame(Family::ipv4);
  spec.data_bytes = 1'460;
  for (int i = 0; i < 500; ++i) (void)rig.send(snapshot, spec, 1'000);
  EXPECT_EQ(rig.count(Verdict::replied_too_big), 100U);
  EXPECT_EQ(rig.count(Verdict::drop_icmp_rate_limited), 400U);
  EXPECT_EQ(rig.send(snapshot, spec, 1'001).name(), "replied_too_big") << "a second later";
}

TEST(Echo, IsAnsweredToWhereItCameFrom) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const std::vector<std::uint16_t>& vlans :
         std::vector<std::vector<std::uint16_t>>{{}, {100}}) {
      Rig rig;
      FrameSpec spec = client_frame(family, Payload::icmp_echo);
      spec.vlans = vlans;
      const Outcome out =
          rig.send(snapshot_of(Forward::ipip, {family, Family::ipv4, Protocol::tcp}), spec);
      ASSERT_EQ(out.name(), "replied_echo");
      EXPECT_EQ(out.out_port, 0);
      EXPECT_EQ(test::wrong_checksums(out.frame), "");
      EXPECT_EQ(test::hex(std::span(out.frame).first(12)), "02 00 00 00 00 01 02 00 00 00 00 02 ");
      EXPECT_EQ(out.frame.size(), test::build(spec).size());
    }
}

TEST(Echo, IsAnsweredWithoutABackendToo) {
  Rig rig;
  Config config = sample_config({.backends = 1});
  config.services[0].backends[0].drain = true;
  const FrameSpec echo = client_frame(Family::ipv4, Payload::icmp_echo);
  EXPECT_EQ(rig.send(compiled(config), echo).name(), "replied_echo");
}

TEST(Drop, EachReasonHasItsVerdict) {
  const Snapshot snapshot = snapshot_of(Forward::ipip, {Family::ipv4, Family::ipv4, Protocol::tcp});
  const auto verdict = [&](const FrameSpec& spec, const Snapshot& used) {
    Rig rig;
    const Bytes frame = test::build(spec);
    const Outcome out = rig.send(used, frame);
    EXPECT_EQ(rig.count(out.verdict), 1U) << "counted under its own name";
    EXPECT_EQ(out.out_port, no_port);
    return out.name();
  };
  FrameSpec spec = client_frame(Family::ipv4);
  spec.destination_port = 81;
  EXPECT_EQ(verdict(spec, snapshot), "drop_no_listener");
  EXPECT_EQ(verdict(client_frame(Family::ipv4, Payload::udp), snapshot), "drop_no_listener");
  const auto no_path = compile(sample_config(), {}, {}, nullptr);
  EXPECT_EQ(verdict(client_frame(Family::ipv4), *no_path), "drop_no_path");
  Config config = sample_config({.backends = 1});
  config.services[0].backends[0].weight = 0;
  EXPECT_EQ(verdict(client_frame(Family::ipv4), compiled(config)), "drop_no_backend");
}

TEST(Drop, IcmpOtherThanEcho) {
  Rig rig;
  Bytes frame = test::build(client_frame(Family::ipv4, Payload::icmp_echo));
  frame[14 + 20] = 13;  // timestamp request
  EXPECT_EQ(rig.send(compiled(sample_config()), frame).name(), "drop_icmp_unsupported");
}

TEST(Drop, NoRoomForAnotherHeader) {
  Rig rig({.headroom_bytes = 19});
  const Snapshot snapshot = compiled(sample_config());
  FrameSpec spec = client_frame(Family::ipv4);
  EXPECT_EQ(rig.send(snapshot, spec).name(), "drop_no_headroom");
  spec.vlans = {100};  // whose four bytes are room
  EXPECT_EQ(rig.send(snapshot, spec).name(), "sent_ipip");
}

TEST(Kernel, GetsWhatIsNotOursUnchanged) {
  Rig rig({.port_macs = {test::mac("02:00:00:00:00:02")}});
  const Snapshot snapshot = compiled(sample_config({.forward = Forward::nat}));
  const auto expect_kernel = [&](const FrameSpec& spec, const char* why) {
    const Bytes frame = test::build(spec);
    const Outcome out = rig.send(snapshot, frame);
    EXPECT_EQ(out.name(), "passed_to_kernel") << why;
    EXPECT_EQ(test::hex(out.frame), test::hex(frame)) << why;
  };
  FrameSpec spec = client_frame(Family::ipv4);
  spec.destination = ip("198.51.100.99");
  expect_kernel(spec, "another address");
  spec = client_frame(Family::ipv4, Payload::icmp_echo);
  spec.destination = test::pool_address(Family::ipv4);
  expect_kernel(spec, "ping to a pool address, which is the kernel's too");
  spec = client_frame(Family::ipv4);
  spec.link_destination = test::mac("02:00:00:00:00:99");
  expect_kernel(spec, "a frame that a bridge flooded");
  spec.link_destination = test::mac("ff:ff:ff:ff:ff:ff");
  expect_kernel(spec, "broadcast");
  EXPECT_EQ(rig.send(snapshot, client_frame(Family::ipv4)).name(), "sent_nat");
}

TEST(Counters, CountPacketsAndBytesByListenerAndBackend) {
  Rig rig;
  const Snapshot snapshot = compiled(sample_config({.backends = 1}));
  FrameSpec spec = client_frame(Family::ipv4);
  spec.padding_bytes = 50;
  for (int i = 0; i < 3; ++i) (void)rig.send(snapshot, spec);
  const std::uint64_t bytes = 3 * (20 + 20 + spec.data_bytes);
  const auto listener =
      snapshot.vips.find(spec.destination, Be16::from_host(80), Protocol::tcp)->id;
  EXPECT_EQ(rig.counters().listeners[listener].packets, 3U);
  EXPECT_EQ(rig.counters().listeners[listener].bytes, bytes) << "of IP packets, without padding";
  EXPECT_EQ(rig.counters().backends[0].packets, 3U);
  EXPECT_EQ(rig.counters().backends[0].bytes, bytes);
  EXPECT_EQ(rig.counters().backends[0].flows, 1U);
  EXPECT_EQ(rig.counters().flows_inserted, 1U);
  EXPECT_EQ(rig.count(Verdict::sent_ipip), 3U);
}

// Any frame, damaged in any way: a verdict, no touch outside the buffer, and if it is sent, sane
// lengths.
TEST(Pipeline, SurvivesDamagedFrames) {
  Rig rig;
  std::mt19937_64 random(30);
  std::vector<Snapshot> snapshots;
  for (const Forward forward :
       {Forward::ipip, Forward::l2dsr, Forward::nat, Forward::gue, Forward::gre})
    for (const Family family : {Family::ipv4, Family::ipv6})
      snapshots.push_back(snapshot_of(forward, {family, family, Protocol::tcp}));
  for (int i = 0; i < 200'000; ++i) {
    const std::size_t which = random() % snapshots.size();
    FrameSpec spec = client_frame(which % 2 == 0 ? Family::ipv4 : Family::ipv6,
                                  static_cast<Payload>(random() % 3));
    spec.data_bytes = random() % 20 == 0 ? 1'470 : 20;
    spec.option_words = static_cast<std::uint8_t>(random() % 3);
    if (random() % 3 == 0) spec.vlans = {5};
    Bytes frame = test::build(spec);
    for (std::uint64_t changes = random() % 3; changes > 0; --changes)
      frame[12 + random() % std::min<std::size_t>(60, frame.size() - 12)] =
          static_cast<std::uint8_t>(random());
    if (random() % 5 == 0) frame.resize(random() % (frame.size() + 1));
    const Outcome out = rig.send(snapshots[which], frame);
    ASSERT_NE(out.verdict, Verdict::none) << test::hex(frame);
    ASSERT_LE(out.frame.size(), frame.size() + OuterHeader::length_bytes_max);
  }
}

}  // namespace
}  // namespace sluice::dataplane
