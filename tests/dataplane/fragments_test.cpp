#include <algorithm>
#include <gtest/gtest.h>

#include "tests/dataplane/rig.h"

// Fragments of one datagram go where its first one goes, or say why not.

namespace sluice::dataplane {
namespace {

using test::Bytes;
using test::compiled;
using test::FrameSpec;
using test::ip;
using test::Payload;
using test::sample_config;

constexpr Family families[] = {Family::ipv4, Family::ipv6};
constexpr Forward forwards[] = {Forward::ipip, Forward::gue, Forward::gre, Forward::l2dsr,
                                Forward::nat};
constexpr std::uint16_t first_bytes = 64;  // of layer 4 in a first fragment: eight units of eight

Config config_of(Forward forward, Family family, Protocol protocol = Protocol::udp) {
  return sample_config(
      {.forward = forward, .vip_family = family, .backend_family = family, .protocol = protocol});
}

// Of a GUE tunnel of this family.
Bytes outer_source_port(const Outcome& out, Family family) {
  const std::ptrdiff_t at = 14 + (family == Family::ipv4 ? 20 : 40);
  return {out.frame.begin() + at, out.frame.begin() + at + 2};
}

FrameSpec client_frame(Family family, std::uint16_t port = 40'000) {
  FrameSpec spec;
  if (family == Family::ipv6) spec.source = ip("2001:db8:c::7");
  spec.destination = test::vip_of(family);
  spec.source_port = port;
  spec.payload = Payload::udp;
  spec.dont_fragment = false;
  return spec;
}

// Another datagram of the same ends. Only the first of the builder's fragments has a checksum that
// the pipeline reads.
Bytes with_identification(Bytes frame, std::uint8_t number) {
  const bool ipv4 = frame[12] == 0x08;
  frame[ipv4 ? 14 + 5 : 14 + 40 + 7] = number;
  if (!ipv4) return frame;
  frame[24] = frame[25] = 0;
  const auto sum = test::plain_sum(std::span(frame).subspan(14, 20));
  frame[24] = static_cast<std::uint8_t>(~sum >> 8);
  frame[25] = static_cast<std::uint8_t>(~sum);
  return frame;
}

Bytes first_fragment(FrameSpec spec, std::uint8_t number = 1) {
  spec.more_fragments = true;
  return with_identification(test::build(spec), number);
}

Bytes later_fragment(FrameSpec spec, std::uint8_t number = 1, std::uint16_t offset = 8) {
  spec.fragment_offset = offset;
  spec.destination_port = 12'345;  // whatever stands there: it is no port
  return with_identification(test::build(spec), number);
}

// The IP packet of a frame cut in two.
struct Pieces {
  Bytes first;
  Bytes rest;
};

Pieces cut(const FrameSpec& spec) {
  FrameSpec as_fragment = spec;
  as_fragment.more_fragments = true;
  Bytes head = test::build(as_fragment);
  as_fragment.more_fragments = false;
  as_fragment.fragment_offset = first_bytes / 8;
  Bytes tail = test::build(as_fragment);
  const bool ipv4 = spec.source.is_ipv4();
  const std::size_t headers = ipv4 ? 34U : 62U;
  head.resize(headers + first_bytes);
  tail.erase(tail.begin() + static_cast<long>(headers),
             tail.begin() + static_cast<long>(headers + first_bytes));
  for (Bytes* frame : {&head, &tail}) {
    const std::size_t length = frame->size() - (ipv4 ? 14U : 54U);
    const std::size_t at = ipv4 ? 16U : 18U;
    (*frame)[at] = static_cast<std::uint8_t>(length >> 8);
    (*frame)[at + 1] = static_cast<std::uint8_t>(length);
    if (ipv4) *frame = with_identification(*frame, 9);
  }
  return {head, tail};
}

// The IP packet that two sent fragments are, as a frame: what their receiver makes of them.
Bytes put_together(const Bytes& first, const Bytes& rest) {
  const bool ipv4 = first[12] == 0x08;
  const std::size_t headers = ipv4 ? 34U : 62U;
  Bytes out(first.begin(), first.end());
  out.insert(out.end(), rest.begin() + static_cast<long>(headers), rest.end());
  if (!ipv4) {
    out[20] = out[54];  // the fragment header goes
    out.erase(out.begin() + 54, out.begin() + 62);
  } else {
    out[20] = out[21] = 0;
  }
  const std::size_t length = out.size() - (ipv4 ? 14U : 54U);
  const std::size_t at = ipv4 ? 16U : 18U;
  out[at] = static_cast<std::uint8_t>(length >> 8);
  out[at + 1] = static_cast<std::uint8_t>(length);
  return ipv4 ? with_identification(out, 9) : out;
}

TEST(Fragments, FollowTheirFirstOne) {
  for (const Forward forward : forwards)
    for (const Family family : families) {
      Rig rig;
      const Snapshot snapshot = compiled(config_of(forward, family));
      unsigned backends = 0;
      for (std::uint8_t i = 0; i < 100; ++i) {
        const FrameSpec spec = client_frame(family, static_cast<std::uint16_t>(2'000 + i));
        const Outcome first = rig.send(snapshot, first_fragment(spec, i));
        ASSERT_EQ(exit_of(first.verdict), Exit::transmit) << first.name();
        backends |= 1U << first.backend();
        for (const std::uint16_t offset : {std::uint16_t{8}, std::uint16_t{16}}) {
          const Outcome later = rig.send(snapshot, later_fragment(spec, i, offset));
          ASSERT_EQ(later.name(), first.name());
          ASSERT_EQ(later.backend(), first.backend());
          if (forward == Forward::gue) {
            ASSERT_EQ(outer_source_port(later, family), outer_source_port(first, family))
                << "one path through the network for the whole datagram";
          }
          ASSERT_EQ(test::wrong_checksums(later.frame), "");
        }
        const Outcome whole = rig.send(snapshot, client_frame(family, spec.source_port));
        ASSERT_EQ(whole.backend(), first.backend()) << "and so do the flow's whole packets";
      }
      EXPECT_EQ(backends, 0b1110U) << "every backend had some";
      EXPECT_EQ(rig.counters().flows_inserted, 100U) << "one flow for all";
      EXPECT_EQ(rig.counters().fragments_evicted, 0U);
    }
}

// What the receiver puts together is what it would have got whole, checksums included.
TEST(Fragments, AreTheWholePacketWhenPutTogether) {
  for (const Forward forward : {Forward::l2dsr, Forward::nat})
    for (const Family family : families)
      for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        const Snapshot snapshot = compiled(config_of(forward, family, protocol));
        FrameSpec spec = client_frame(family);
        spec.payload = protocol == Protocol::tcp ? Payload::tcp : Payload::udp;
        spec.data_bytes = 201;
        Rig rig;
        const Pieces pieces = cut(spec);
        const Outcome first = rig.send(snapshot, pieces.first);
        const Outcome rest = rig.send(snapshot, pieces.rest);
        ASSERT_EQ(rest.name(), first.name());
        const Bytes together = put_together(first.frame, rest.frame);
        EXPECT_EQ(test::wrong_checksums(together), "");
        const Outcome whole = rig.send(snapshot, spec);
        EXPECT_EQ(test::hex(std::span(together).last(spec.data_bytes)),
                  test::hex(std::span(whole.frame).last(spec.data_bytes)));
      }
}

TEST(Fragments, OfAnswersGoBackToTheClient) {
  for (const Family family : families)
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
      const Snapshot snapshot = compiled(config_of(Forward::nat, family, protocol));
      FrameSpec spec = client_frame(family);
      spec.payload = protocol == Protocol::tcp ? Payload::tcp : Payload::udp;
      Rig rig;
      const Outcome sent = rig.send(snapshot, spec);
      ParsedPacket seen;
      ASSERT_EQ(parse(sent.frame, seen), Verdict::none);
      FrameSpec answer = spec;
      answer.source = seen.destination;
      answer.destination = seen.source;
      answer.source_port = seen.destination_port.host();
      answer.destination_port = seen.source_port.host();
      answer.data_bytes = 333;
      const Pieces pieces = cut(answer);
      const Outcome first = rig.send(snapshot, pieces.first);
      const Outcome rest = rig.send(snapshot, pieces.rest);
      ASSERT_EQ(first.name(), "sent_nat_return");
      ASSERT_EQ(rest.name(), "sent_nat_return");
      const Bytes together = put_together(first.frame, rest.frame);
      EXPECT_EQ(test::wrong_checksums(together), "");
      ParsedPacket back;
      ASSERT_EQ(parse(together, back), Verdict::none);
      EXPECT_EQ(back.source, spec.destination);
      EXPECT_EQ(back.destination, spec.source);
      EXPECT_EQ(back.destination_port.host(), spec.source_port);
      EXPECT_EQ(back.source_port.host(), 80);
    }
}

TEST(Fragments, OfOneBurstFollowTheirFirstOne) {
  const Snapshot snapshot = compiled(config_of(Forward::l2dsr, Family::ipv4));
  Rig rig;
  std::array<Bytes, 3> frames = {first_fragment(client_frame(Family::ipv4)),
                                 later_fragment(client_frame(Family::ipv4), 1, 8),
                                 later_fragment(client_frame(Family::ipv4), 1, 16)};
  std::array<Packet, 3> burst;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    burst[i].data = frames[i].data();
    burst[i].length_bytes = static_cast<std::uint16_t>(frames[i].size());
    burst[i].in_port = 0;
  }
  rig.pipeline().process(snapshot, burst, {.now_ns = 1'000'000'000});
  for (const Packet& packet : burst) EXPECT_EQ(packet.verdict, Verdict::sent_l2dsr);
}

TEST(Fragments, BeforeTheirFirstOneWaitForIt) {
  for (const Forward forward : forwards)
    for (const Family family : families) {
      Rig rig;
      const Snapshot snapshot = compiled(config_of(forward, family));
      const FrameSpec spec = client_frame(family);
      for (const std::uint16_t offset : {std::uint16_t{16}, std::uint16_t{8}}) {
        const Bytes later = later_fragment(spec, 1, offset);
        const Outcome early = rig.send(snapshot, later);
        EXPECT_EQ(early.name(), "held_fragment");
        EXPECT_EQ(test::hex(early.frame), test::hex(later)) << "changed and not sent";
      }
      EXPECT_EQ(rig.send(snapshot, later_fragment(spec, 2)).name(), "held_fragment")
          << "another datagram";
      EXPECT_TRUE(rig.send_ripe(snapshot).empty()) << "nothing has come for them yet";
      const Outcome first = rig.send(snapshot, first_fragment(spec));
      const auto ripe = rig.send_ripe(snapshot);
      ASSERT_EQ(ripe.size(), 2U) << "and not the other datagram's";
      for (const Outcome& later : ripe) {
        EXPECT_EQ(later.name(), first.name());
        EXPECT_EQ(later.backend(), first.backend());
        EXPECT_EQ(test::wrong_checksums(later.frame), "");
      }
      EXPECT_TRUE(rig.send_ripe(snapshot).empty()) << "once";
    }
}

TEST(Fragments, ThatHaveWaitedLongEnoughAreDropped) {
  Rig rig;
  const Snapshot snapshot = compiled(config_of(Forward::ipip, Family::ipv4));
  const FrameSpec spec = client_frame(Family::ipv4);
  (void)rig.send(snapshot, later_fragment(spec, 1), 1'000);
  (void)rig.send(snapshot, later_fragment(spec, 2), 1'000.06);
  EXPECT_TRUE(rig.send_ripe(snapshot, 1'000.09).empty());
  const auto ripe = rig.send_ripe(snapshot, 1'000.11);
  ASSERT_EQ(ripe.size(), 1U) << "the one that came first";
  EXPECT_EQ(ripe[0].name(), "drop_fragment_unknown") << "not held again";
  EXPECT_EQ(rig.send_ripe(snapshot, 1'000.2).size(), 1U);
  EXPECT_EQ(rig.count(Verdict::held_fragment), 2U);
  EXPECT_EQ(rig.count(Verdict::drop_fragment_unknown), 2U);
  (void)rig.send(snapshot, first_fragment(spec, 1), 1'000.3);
  EXPECT_TRUE(rig.send_ripe(snapshot, 1'000.3).empty()) << "it is gone";
}

TEST(Fragments, MoreThanMayWaitAreDroppedAndTheirSlotsServeAgain) {
  Rig rig;
  const Snapshot snapshot = compiled(config_of(Forward::ipip, Family::ipv4));
  FrameSpec spec = client_frame(Family::ipv4);
  constexpr unsigned clients = HeldFragments::slots;
  for (const double now : {1'000.0, 1'010.0}) {
    for (unsigned i = 0; i < clients; ++i) {
      spec.source = Address::from_ipv4(Be32::from_host(0x0b000000 + i));
      ASSERT_EQ(rig.send(snapshot, later_fragment(spec), now).name(), "held_fragment");
    }
    FrameSpec other = client_frame(Family::ipv4);
    EXPECT_EQ(rig.send(snapshot, later_fragment(other), now).name(), "drop_fragment_hold_full");
    // Every other one's first comes.
    for (unsigned i = 0; i < clients; i += 2) {
      spec.source = Address::from_ipv4(Be32::from_host(0x0b000000 + i));
      ASSERT_EQ(rig.send(snapshot, first_fragment(spec), now).name(), "sent_ipip");
    }
    EXPECT_EQ(rig.send_ripe(snapshot, now).size(), clients / 2);
    EXPECT_EQ(rig.send_ripe(snapshot, now + 1).size(), clients / 2);
  }
  EXPECT_EQ(rig.count(Verdict::drop_fragment_unknown), clients);
}

TEST(Fragments, AreForgottenAfterFiveSeconds) {
  Rig rig;
  const Snapshot snapshot = compiled(config_of(Forward::ipip, Family::ipv4));
  const FrameSpec spec = client_frame(Family::ipv4);
  (void)rig.send(snapshot, first_fragment(spec), 1'000);
  EXPECT_EQ(rig.send(snapshot, later_fragment(spec), 1'004.9).name(), "sent_ipip");
  EXPECT_EQ(rig.send(snapshot, later_fragment(spec), 1'005).name(), "held_fragment");
}

TEST(Fragments, MoreDatagramsThanTheTableHoldsAreCounted) {
  Rig rig;
  const Snapshot snapshot = compiled(config_of(Forward::ipip, Family::ipv4));
  FrameSpec spec = client_frame(Family::ipv4);
  constexpr unsigned clients = 400;
  for (unsigned i = 0; i < clients * 100; ++i) {
    spec.source = Address::from_ipv4(Be32::from_host(0x0b000000 + i / 100));
    ASSERT_EQ(rig.send(snapshot, first_fragment(spec, static_cast<std::uint8_t>(i % 100))).name(),
              "sent_ipip");
  }
  const std::uint64_t evicted = rig.counters().fragments_evicted;
  EXPECT_GE(evicted, clients * 100 - 8'192);
  EXPECT_LT(evicted, clients * 100 - 7'000);
  EXPECT_EQ(rig.send(snapshot, later_fragment(spec, 99)).name(), "sent_ipip") << "the last one";
  unsigned known = 0;
  for (unsigned i = 0; i < clients * 100; ++i) {
    spec.source = Address::from_ipv4(Be32::from_host(0x0b000000 + i / 100));
    const Outcome out =
        rig.send(snapshot, later_fragment(spec, static_cast<std::uint8_t>(i % 100)));
    known += out.name() == "sent_ipip" ? 1 : 0;
  }
  EXPECT_EQ(known + evicted, clients * 100);
}

TEST(Fragments, ForNoListenerAreNotRemembered) {
  for (const Family family : families) {
    Rig rig;
    const Snapshot snapshot = compiled(config_of(Forward::ipip, family));
    FrameSpec spec = client_frame(family);
    spec.destination_port = 81;
    EXPECT_EQ(rig.send(snapshot, first_fragment(spec)).name(), "drop_no_listener");
    EXPECT_EQ(rig.send(snapshot, later_fragment(spec)).name(), "held_fragment");
    spec.destination = ip(family == Family::ipv4 ? "203.0.113.11" : "2001:db8::11");
    EXPECT_EQ(rig.send(snapshot, first_fragment(spec)).name(), "passed_to_kernel");
    EXPECT_EQ(rig.send(snapshot, later_fragment(spec)).name(), "passed_to_kernel");
    EXPECT_EQ(rig.counters().flows_inserted, 0U);
  }
}

// Of one VIP's datagram and of another's: nothing is shared but the identification.
TEST(Fragments, OfTwoClientsDoNotMix) {
  for (const Family family : families) {
    Rig rig;
    const Snapshot snapshot = compiled(config_of(Forward::nat, family));
    FrameSpec one = client_frame(family, 2'000);
    FrameSpec two = client_frame(family, 2'001);
    two.source = ip(family == Family::ipv4 ? "198.51.100.8" : "2001:db8:c::8");
    (void)rig.send(snapshot, first_fragment(one));
    EXPECT_EQ(rig.send(snapshot, later_fragment(two)).name(), "held_fragment");
    (void)rig.send(snapshot, first_fragment(two));
    EXPECT_EQ(rig.send(snapshot, later_fragment(one)).name(), "sent_nat");
    EXPECT_EQ(rig.counters().flows_inserted, 2U);
  }
}

TEST(Fragments, OfWhatHasNoPortsAreDropped) {
  for (const Family family : families) {
    Rig rig;
    const Snapshot snapshot = compiled(config_of(Forward::ipip, family));
    FrameSpec spec = client_frame(family);
    spec.payload = Payload::icmp_echo;
    EXPECT_EQ(rig.send(snapshot, first_fragment(spec)).name(), "drop_fragment");
    EXPECT_EQ(rig.send(snapshot, later_fragment(spec)).name(), "drop_fragment");
  }
}

// A listener that is gone takes the rest of its datagrams with it.
TEST(Fragments, AreDecidedByTheSnapshotOfTheirOwnTime) {
  Rig rig;
  const Snapshot before = compiled(config_of(Forward::ipip, Family::ipv4));
  const FrameSpec spec = client_frame(Family::ipv4);
  EXPECT_EQ(rig.send(before, first_fragment(spec)).name(), "sent_ipip");
  const Snapshot changed = compiled(config_of(Forward::l2dsr, Family::ipv4), {}, &before);
  EXPECT_EQ(rig.send(changed, later_fragment(spec)).name(), "sent_l2dsr");
  Config other = config_of(Forward::ipip, Family::ipv4);
  other.services[0].ports = {Port(81)};
  const Snapshot after = compiled(other, {}, &before);
  EXPECT_EQ(rig.send(after, later_fragment(spec)).name(), "drop_no_listener");
}

// The state of a TCP flow is what the first fragment says; the others must not establish it.
TEST(Fragments, OfASynLeaveTheFlowHalfOpen) {
  Rig rig;
  const Snapshot snapshot = compiled(config_of(Forward::ipip, Family::ipv4, Protocol::tcp));
  FrameSpec spec = client_frame(Family::ipv4);
  spec.payload = Payload::tcp;
  spec.tcp_flags = 0x02;
  (void)rig.send(snapshot, first_fragment(spec));
  EXPECT_EQ(rig.send(snapshot, later_fragment(spec)).name(), "sent_ipip");
  const auto flow = rig.flow(snapshot, {spec.source, spec.destination, Port(spec.source_port),
                                        Port(spec.destination_port), Protocol::tcp});
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->state, FlowState::opening);
}

TEST(Fragments, OfAnswersAreHandedToTheSessionsWorker) {
  for (const Family family : families) {
    const Snapshot snapshot = compiled(config_of(Forward::nat, family));
    Rig owner({.worker = 1, .workers = 2});
    Rig other({.worker = 0, .workers = 2});
    const Outcome sent = owner.send(snapshot, client_frame(family));
    ParsedPacket seen;
    ASSERT_EQ(parse(sent.frame, seen), Verdict::none);
    FrameSpec answer = client_frame(family);
    answer.source = seen.destination;
    answer.destination = seen.source;
    answer.source_port = seen.destination_port.host();
    answer.destination_port = seen.source_port.host();
    for (const Bytes& frame : {first_fragment(answer), later_fragment(answer)}) {
      const Outcome strayed = other.send(snapshot, frame);
      ASSERT_EQ(strayed.name(), "handed_over");
      EXPECT_EQ(strayed.to_worker, 1);
      EXPECT_EQ(test::hex(strayed.frame), test::hex(frame));
      EXPECT_EQ(owner.send(snapshot, strayed.frame).name(), "sent_nat_return");
    }
  }
}

// The sender of IPv6 fragments must learn what fits, and only the first of them tells it.
TEST(Fragments, ThatDoNotFitIntoTheTunnel) {
  for (const Family family : families) {
    Rig rig;
    const Snapshot snapshot = compiled(config_of(Forward::ipip, family), {}, nullptr, 1'500);
    FrameSpec spec = client_frame(family);
    spec.data_bytes = 1'464;
    const Outcome first = rig.send(snapshot, first_fragment(spec));
    EXPECT_EQ(first.name(), family == Family::ipv4 ? "drop_too_big" : "replied_too_big");
    EXPECT_EQ(test::wrong_checksums(first.frame), "");
    EXPECT_EQ(rig.send(snapshot, later_fragment(spec)).name(), "drop_too_big");
  }
}

// Header and extension headers behind the fragment header are in the first fragment only.
TEST(Fragments, OfIpv6FollowWhateverStandsBehindTheFragmentHeader) {
  Rig rig;
  const Snapshot snapshot = compiled(config_of(Forward::ipip, Family::ipv6));
  FrameSpec spec = client_frame(Family::ipv6);
  spec.extensions = {44, 60};  // a destination options header behind the fragment header
  Bytes first = test::build(spec);
  first[14 + 40 + 3] = 1;  // more fragments
  EXPECT_EQ(rig.send(snapshot, first).name(), "sent_ipip");
  Bytes later = test::build(spec);
  later[14 + 40 + 3] = 8 << 3;
  EXPECT_EQ(rig.send(snapshot, later).name(), "sent_ipip");
}

// Whatever a stranger sends as fragments: no packet leaves damaged, and every verdict is one.
TEST(Fragments, DamagedOnesDoNoHarm) {
  std::mt19937_64 random(8200);
  for (const Forward forward : forwards)
    for (const Family family : families) {
      Rig rig;
      const Snapshot snapshot = compiled(config_of(forward, family));
      const FrameSpec spec = client_frame(family);
      for (int i = 0; i < 5'000; ++i) {
        Bytes frame = random() % 2 == 0 ? first_fragment(spec) : later_fragment(spec);
        for (auto damage = random() % 4; damage > 0; --damage)
          frame[12 + random() % (frame.size() - 12)] ^=
              static_cast<std::uint8_t>(1 << random() % 8);
        frame.resize(frame.size() - random() % 2 * (random() % 20));
        const Outcome out = rig.send(snapshot, frame);
        ASSERT_NE(out.verdict, Verdict::none);
      }
    }
}

}  // namespace
}  // namespace sluice::dataplane
