#include <gtest/gtest.h>

#include "tests/dataplane/rig.h"

namespace sluice::dataplane {
namespace {

using test::Bytes;
using test::compiled;
using test::FrameSpec;
using test::ip;
using test::Payload;
using test::sample_config;

constexpr Family families[] = {Family::ipv4, Family::ipv6};

Config config_of(Forward forward, Family family, Protocol protocol = Protocol::tcp) {
  return sample_config(
      {.forward = forward, .vip_family = family, .backend_family = family, .protocol = protocol});
}

FrameSpec client_frame(Family family, std::uint16_t port = 40'000) {
  FrameSpec spec;
  if (family == Family::ipv6) spec.source = ip("2001:db8:c::7");
  spec.destination = test::vip_of(family);
  spec.source_port = port;
  return spec;
}

// The same flow's packet in the other direction.
FrameSpec answer_to(FrameSpec spec) {
  std::swap(spec.source, spec.destination);
  std::swap(spec.source_port, spec.destination_port);
  return spec;
}

// A router far away says that this packet was too big; cut off as early as routers may.
Bytes error_about(const FrameSpec& packet) {
  const bool ipv4 = packet.source.is_ipv4();
  FrameSpec spec;
  spec.source = ip(ipv4 ? "192.0.2.99" : "2001:db8:a::99");
  spec.destination = packet.source;
  const Bytes quoted = test::packet_of(test::build(packet), ipv4 ? 28 : 500);
  return ipv4 ? test::build_error(spec, 3, 4, 1'300, quoted)
              : test::build_error(spec, 2, 0, 1'280, quoted);
}

TEST(VipError, FollowsItsFlow) {
  for (const Forward forward : {Forward::ipip, Forward::l2dsr, Forward::nat})
    for (const Family family : families) {
      Rig rig;
      const Snapshot snapshot = compiled(config_of(forward, family));
      for (std::uint16_t port = 2'000; port < 2'050; ++port) {
        const FrameSpec request = client_frame(family, port);
        const Outcome sent = rig.send(snapshot, request);
        const Outcome error = rig.send(snapshot, error_about(answer_to(request)));
        ASSERT_EQ(error.name(), "sent_icmp_error");
        EXPECT_EQ(error.backend(), sent.backend());
        EXPECT_EQ(error.out_port, sent.out_port);
        EXPECT_EQ(test::wrong_checksums(error.frame), "");
      }
    }
}

// A server that has been drained keeps its flows, and the errors about them.
TEST(VipError, FollowsTheFlowTableBeforeTheSlots) {
  for (const Family family : families) {
    Rig rig;
    Config config = config_of(Forward::ipip, family);
    const Snapshot before = compiled(config);
    const FrameSpec request = client_frame(family);
    const unsigned backend = rig.send(before, request).backend();
    config.services[0].backends[backend - 1].drain = true;
    const Snapshot after = compiled(config, {}, &before);
    const Bytes error = error_about(answer_to(request));
    EXPECT_EQ(rig.send(after, error).backend(), backend);
    Rig elsewhere;  // a worker or a balancer that has not seen the flow
    EXPECT_NE(elsewhere.send(after, error).backend(), backend);
    EXPECT_EQ(elsewhere.send(before, error).backend(), backend) << "while the slots are the same";
  }
}

TEST(VipError, LeavesNoTrace) {
  Rig rig;
  const Snapshot snapshot = compiled(config_of(Forward::ipip, Family::ipv4));
  EXPECT_EQ(rig.send(snapshot, error_about(answer_to(client_frame(Family::ipv4)))).name(),
            "sent_icmp_error");
  EXPECT_EQ(rig.counters().flows_inserted, 0U);
  (void)rig.send(snapshot, client_frame(Family::ipv4), 1'000);
  (void)rig.send(snapshot, error_about(answer_to(client_frame(Family::ipv4))), 1'800);
  rig.age(snapshot, 1'902);
  EXPECT_EQ(rig.counters().flows_expired, 1U) << "an error does not keep a flow alive";
}

TEST(VipError, ThatConcernsNobodyIsDropped) {
  for (const Family family : families) {
    Rig rig;
    const Snapshot snapshot = compiled(config_of(Forward::ipip, family));
    const FrameSpec answer = answer_to(client_frame(family));
    FrameSpec other = answer;
    other.source_port = 81;
    EXPECT_EQ(rig.send(snapshot, error_about(other)).name(), "drop_icmp_unknown_flow");
    other = answer;
    other.payload = Payload::udp;
    EXPECT_EQ(rig.send(snapshot, error_about(other)).name(), "drop_icmp_unknown_flow");
    other.payload = Payload::icmp_echo;
    EXPECT_EQ(rig.send(snapshot, error_about(other)).name(), "drop_icmp_bad_quote");
    FrameSpec outer;
    outer.source = client_frame(family).source;
    outer.destination = test::vip_of(family);
    const std::uint8_t type = family == Family::ipv4 ? 3 : 1;
    FrameSpec not_from_vip = client_frame(family);
    EXPECT_EQ(rig.send(snapshot, test::build_error(outer, type, 0, 0,
                                                   test::packet_of(test::build(not_from_vip))))
                  .name(),
              "drop_icmp_unknown_flow")
        << "about somebody else's packet";
    Rig nat_rig;
    EXPECT_EQ(nat_rig.send(compiled(config_of(Forward::nat, family)), error_about(answer)).name(),
              "drop_icmp_unknown_flow")
        << "NAT without a session";
  }
}

TEST(VipError, MeetsTheSameObstaclesAsItsFlow) {
  const Bytes error = error_about(answer_to(client_frame(Family::ipv6)));
  Config config = config_of(Forward::ipip, Family::ipv6);
  const auto no_path = compile(config, {}, {}, nullptr);
  EXPECT_EQ(Rig().send(*no_path, error).name(), "drop_no_path");
  EXPECT_EQ(Rig({.headroom_bytes = 10}).send(compiled(config), error).name(), "drop_no_headroom");
  for (BackendConfig& backend : config.services[0].backends) backend.weight = 0;
  EXPECT_EQ(Rig().send(compiled(config), error).name(), "drop_no_backend");
  const Snapshot narrow = compiled(config_of(Forward::ipip, Family::ipv6), {}, nullptr, 1'280);
  FrameSpec big = answer_to(client_frame(Family::ipv6));
  big.data_bytes = 1'180;
  FrameSpec outer = big;
  std::swap(outer.source, outer.destination);
  EXPECT_EQ(
      Rig()
          .send(narrow, test::build_error(outer, 2, 0, 1'280, test::packet_of(test::build(big))))
          .name(),
      "drop_too_big");
}

// What the server gets is about the packet that it sent, from the address that it knows.
TEST(VipError, IsTranslatedForTheServer) {
  for (const Family family : families) {
    Rig rig;
    Config config = config_of(Forward::nat, family);
    for (BackendConfig& backend : config.services[0].backends) backend.port = Port(8'080);
    const Snapshot snapshot = compiled(config);
    const FrameSpec request = client_frame(family);
    const Outcome there = rig.send(snapshot, request);
    ParsedPacket seen;
    ASSERT_EQ(parse(there.frame, seen), Verdict::none);
    const Outcome out = rig.send(snapshot, error_about(answer_to(request)));
    ASSERT_EQ(out.name(), "sent_icmp_error");
    FrameSpec servers_answer = answer_to(request);
    servers_answer.source = seen.destination;
    servers_answer.source_port = seen.destination_port.host();
    servers_answer.destination = seen.source;
    servers_answer.destination_port = seen.source_port.host();
    ParsedPacket error;
    ParsedPacket quoted;
    ASSERT_EQ(parse(out.frame, error), Verdict::none);
    ASSERT_TRUE(parse_quoted(out.frame, error, quoted));
    EXPECT_EQ(error.source, seen.source);
    EXPECT_EQ(error.destination, seen.destination);
    EXPECT_EQ(error.ttl, 63);
    const Bytes expected = test::packet_of(test::build(servers_answer), quoted.ip_length_bytes);
    EXPECT_EQ(test::hex(Bytes(out.frame.begin() + quoted.l3_offset, out.frame.end())),
              test::hex(expected));
  }
}

TEST(PoolError, GoesBackToTheClient) {
  for (const Family family : families) {
    Rig rig;
    const Snapshot snapshot = compiled(config_of(Forward::nat, family));
    const FrameSpec request = client_frame(family);
    ParsedPacket seen;
    ASSERT_EQ(parse(rig.send(snapshot, request).frame, seen), Verdict::none);
    FrameSpec ours = request;
    ours.source = seen.source;
    ours.source_port = seen.source_port.host();
    ours.destination = seen.destination;
    ours.ttl = request.ttl;
    const Outcome out = rig.send(snapshot, error_about(ours));
    ASSERT_EQ(out.name(), "sent_icmp_error_return");
    EXPECT_EQ(out.out_port, 0);
    EXPECT_EQ(test::wrong_checksums(out.frame), "");
    ParsedPacket error;
    ParsedPacket quoted;
    ASSERT_EQ(parse(out.frame, error), Verdict::none);
    ASSERT_TRUE(parse_quoted(out.frame, error, quoted));
    EXPECT_EQ(error.source, request.destination);
    EXPECT_EQ(error.destination, request.source);
    EXPECT_EQ(test::hex(Bytes(out.frame.begin() + quoted.l3_offset, out.frame.end())),
              test::hex(test::packet_of(test::build(request), quoted.ip_length_bytes)));

    FrameSpec stranger = ours;
    stranger.source_port = static_cast<std::uint16_t>(ours.source_port + 1);
    EXPECT_EQ(rig.send(snapshot, error_about(stranger)).name(), "drop_icmp_unknown_flow");
    rig.age(snapshot, 2'000);
    EXPECT_EQ(rig.send(snapshot, error_about(ours)).name(), "drop_icmp_unknown_flow");
  }
}

// Errors damaged anywhere behind the link header, each ending at a page that nobody may touch: what
// leaves is no longer than what came, a tunnel header apart.
TEST(IcmpError, DamagedAnywhereDoesNoHarm) {
  std::mt19937_64 random(4'443);
  for (const Forward forward : {Forward::ipip, Forward::l2dsr, Forward::nat})
    for (const Family family : families) {
      Rig rig;
      const Snapshot snapshot = compiled(config_of(forward, family));
      const FrameSpec request = client_frame(family);
      const Outcome there = rig.send(snapshot, request);
      const FrameSpec about =
          answer_to(request);  // and with NAT, every other one about our own packet
      FrameSpec ours = about;
      if (ParsedPacket seen; forward == Forward::nat) {
        ASSERT_EQ(parse(there.frame, seen), Verdict::none);
        ours.source = seen.source;
        ours.source_port = seen.source_port.host();
        ours.destination = seen.destination;
        ours.destination_port = seen.destination_port.host();
      }
      int sent = 0;
      for (int i = 0; i < 20'000; ++i) {
        Bytes frame = error_about(i % 2 == 0 ? about : ours);
        for (std::size_t hits = random() % 4; hits > 0; --hits)
          frame[14 + random() % (frame.size() - 14)] = static_cast<std::uint8_t>(random());
        if (random() % 8 == 0) frame.resize(14 + random() % (frame.size() - 14));
        const Outcome out = rig.send(snapshot, frame);
        ASSERT_NE(out.verdict, Verdict::none);
        if (exit_of(out.verdict) != Exit::transmit) continue;
        ++sent;
        ASSERT_LE(out.frame.size(), frame.size() + 40) << out.name();
      }
      EXPECT_GT(sent, 2'000);
    }
}

// Both directions reach the worker that has the session, in one step.
TEST(IcmpError, IsHandedToTheWorkerOfItsSession) {
  const Snapshot snapshot = compiled(config_of(Forward::nat, Family::ipv4));
  const ReturnSteering steering = ReturnSteering::even(2);
  int handed_over = 0;
  for (std::uint16_t port = 2'000; port < 2'040; ++port) {
    const FrameSpec request = client_frame(Family::ipv4, port);
    const std::uint16_t owner = steering.worker_of(
        {request.source, request.destination, Port(port), Port(80), Protocol::tcp});
    Rig owners({.worker = owner, .workers = 2});
    Rig others({.worker = static_cast<std::uint16_t>(1 - owner), .workers = 2});
    ParsedPacket seen;
    ASSERT_EQ(parse(owners.send(snapshot, request).frame, seen), Verdict::none);
    FrameSpec ours = request;
    ours.source = seen.source;
    ours.source_port = seen.source_port.host();
    ours.destination = seen.destination;
    for (const Bytes& error : {error_about(answer_to(request)), error_about(ours)}) {
      const Outcome out = others.send(snapshot, error);
      ASSERT_EQ(out.name(), "handed_over");
      EXPECT_EQ(out.to_worker, owner);
      EXPECT_EQ(test::hex(out.frame), test::hex(error));
      EXPECT_TRUE(owners.send(snapshot, error).name().starts_with("sent_icmp_error"));
      Rig forgetful({.worker = owner, .workers = 2});
      EXPECT_EQ(forgetful.send(snapshot, error).name(), "drop_icmp_unknown_flow") << "no further";
      ++handed_over;
    }
  }
  EXPECT_EQ(handed_over, 80);
}

}  // namespace
}  // namespace sluice::dataplane
