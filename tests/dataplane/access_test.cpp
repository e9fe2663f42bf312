#include <gtest/gtest.h>

#include "core/net/wire.h"
#include "tests/dataplane/rig.h"

// Who may send to a service at all.

namespace sluice::dataplane {
namespace {

using test::compiled;
using test::FrameSpec;
using test::ip;
using test::Payload;
using test::sample_config;

AccessItem item(std::string_view text) { return *AccessItem::parse(text); }

FrameSpec frame_from(const char* source, Payload payload = Payload::tcp) {
  FrameSpec spec;
  spec.source = ip(source);
  spec.destination = test::vip_of(spec.source.family());
  spec.payload = payload;
  return spec;
}

Config config_of(Family family, Forward forward = Forward::ipip) {
  return sample_config({.forward = forward, .vip_family = family, .backend_family = family});
}

TEST(Access, DeniedClientsAreDroppedAndCounted) {
  for (const Forward forward : {Forward::ipip, Forward::l2dsr, Forward::nat}) {
    Rig rig;
    Config config = config_of(Family::ipv4, forward);
    config.services[0].deny = {item("198.51.100.0/25")};
    const Snapshot snapshot = compiled(config);
    EXPECT_EQ(rig.send(snapshot, frame_from("198.51.100.7")).name(), "drop_denied");
    EXPECT_EQ(exit_of(rig.send(snapshot, frame_from("198.51.100.200")).verdict), Exit::transmit);
    EXPECT_EQ(rig.count(Verdict::drop_denied), 1U);
    EXPECT_EQ(rig.counters().listeners[0].packets, 2U);
    EXPECT_EQ(rig.counters().listeners[0].refused, 1U);
    EXPECT_EQ(rig.counters().flows_inserted, 1U) << "nothing is remembered of the denied";
  }
}

TEST(Access, ADenyCutsFlowsThatExist) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Rig rig;
    Config config = config_of(family);
    const Snapshot before = compiled(config);
    const FrameSpec frame = frame_from(family == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::7");
    EXPECT_EQ(rig.send(before, frame).name(), "sent_ipip");
    config.services[0].deny = {item(family == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::/48")};
    const Snapshot after = compiled(config, {}, &before);
    EXPECT_EQ(rig.send(after, frame).name(), "drop_denied");
    config.services[0].deny.clear();
    EXPECT_EQ(rig.send(compiled(config, {}, &after), frame).name(), "sent_ipip");
    EXPECT_EQ(rig.counters().flows_inserted, 1U) << "the flow was still known";
  }
}

TEST(Access, BothTheGlobalListsAndTheServicesOwnMustLetAClientIn) {
  Rig rig;
  Config config = config_of(Family::ipv4);
  config.access.deny = {item("198.51.100.0/24")};
  config.services[0].allow = {item("198.51.100.0/24"), item("192.0.2.0/24")};
  const Snapshot snapshot = compiled(config);
  EXPECT_EQ(rig.send(snapshot, frame_from("198.51.100.7")).name(), "drop_denied") << "globally";
  EXPECT_EQ(rig.send(snapshot, frame_from("192.0.2.7")).name(), "sent_ipip");
  EXPECT_EQ(rig.send(snapshot, frame_from("192.88.99.7")).name(), "drop_denied") << "not allowed";
}

TEST(Access, GlobalListsHoldForPingsToo) {
  Rig rig;
  Config config = config_of(Family::ipv4);
  config.access.deny = {item("198.51.100.0/24")};
  const Snapshot snapshot = compiled(config);
  EXPECT_EQ(rig.send(snapshot, frame_from("198.51.100.7", Payload::icmp_echo)).name(),
            "drop_denied");
  EXPECT_EQ(rig.send(snapshot, frame_from("192.0.2.7", Payload::icmp_echo)).name(), "replied_echo");
}

TEST(Access, HoldsForEveryFragment) {
  Rig rig;
  Config config = config_of(Family::ipv4);
  const Snapshot open = compiled(config);
  config.services[0].deny = {item("198.51.100.0/24")};
  const Snapshot closed = compiled(config, {}, &open);
  FrameSpec first = frame_from("198.51.100.7");
  first.more_fragments = true;
  first.dont_fragment = false;
  FrameSpec later = first;
  later.more_fragments = false;
  later.fragment_offset = 5;
  EXPECT_EQ(rig.send(open, first).name(), "sent_ipip");
  EXPECT_EQ(rig.send(open, later).name(), "sent_ipip");
  EXPECT_EQ(rig.send(closed, first).name(), "drop_denied");
  EXPECT_EQ(rig.send(closed, later).name(), "drop_denied");
}

TEST(Access, ServersAnswersAreNoClientsPackets) {
  Rig rig;
  Config config = config_of(Family::ipv4, Forward::nat);
  const Snapshot open = compiled(config);
  const Outcome out = rig.send(open, frame_from("198.51.100.7"));
  ASSERT_EQ(out.name(), "sent_nat");
  ParsedPacket sent;
  ASSERT_EQ(parse(out.frame, sent), Verdict::none);
  FrameSpec answer;
  answer.source = sent.destination;
  answer.destination = sent.source;
  answer.source_port = sent.destination_port.host();
  answer.destination_port = sent.source_port.host();
  config.access.deny = {item("10.0.0.0/8")};
  EXPECT_EQ(rig.send(compiled(config, {}, &open), answer).name(), "sent_nat_return");
}

}  // namespace
}  // namespace sluice::dataplane
