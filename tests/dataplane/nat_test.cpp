#include <gtest/gtest.h>
#include <map>
#include <set>

#include "core/net/wire.h"
#include "tests/dataplane/rig.h"

namespace sluice::dataplane {
namespace {

using test::compiled;
using test::FrameSpec;
using test::ip;
using test::Payload;
using test::sample_config;
using wire::TcpHeader;

Config nat_config(Family family, unsigned backends = 3, Protocol protocol = Protocol::tcp) {
  return sample_config({.forward = Forward::nat,
                        .vip_family = family,
                        .backend_family = family,
                        .protocol = protocol,
                        .backends = backends});
}

FrameSpec client_frame(Family family, unsigned client, std::uint16_t port,
                       Payload payload = Payload::tcp) {
  FrameSpec spec;
  spec.source =
      ip((family == Family::ipv4 ? "198.51.100." : "2001:db8:c::") + std::to_string(client));
  spec.destination = test::vip_of(family);
  spec.source_port = port;
  spec.payload = payload;
  return spec;
}

TEST(NatReturn, GoesBackToTheClientAsTheVip) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const Payload payload : {Payload::tcp, Payload::udp}) {
      Rig rig;
      const Snapshot snapshot =
          compiled(nat_config(family, 3, payload == Payload::tcp ? Protocol::tcp : Protocol::udp));
      const FrameSpec request = client_frame(family, 7, 40'000, payload);
      const Outcome out = rig.send(snapshot, request);
      ASSERT_EQ(out.name(), "sent_nat");
      FrameSpec answer = answer_to(out, payload);
      answer.vlans = {300};
      answer.padding_bytes = 4;
      const Outcome back = rig.send(snapshot, answer);
      ASSERT_EQ(back.name(), "sent_nat_return");
      EXPECT_EQ(back.out_port, 0);
      FrameSpec expected = request;
      std::swap(expected.source, expected.destination);
      std::swap(expected.source_port, expected.destination_port);
      std::swap(expected.link_source, expected.link_destination);  // the hop that it came from
      --expected.ttl;
      EXPECT_EQ(test::hex(back.frame), test::hex(test::build(expected)));
    }
}

TEST(NatReturn, UsesTheBackendsOwnPort) {
  Rig rig;
  Config config = nat_config(Family::ipv4, 1);
  config.services[0].backends[0].port = Port(8'080);
  const Snapshot snapshot = compiled(config);
  const Outcome out = rig.send(snapshot, client_frame(Family::ipv4, 7, 40'000));
  const FrameSpec answer = answer_to(out);
  EXPECT_EQ(answer.source_port, 8'080);
  const Outcome back = rig.send(snapshot, answer);
  ParsedPacket packet;
  ASSERT_EQ(parse(back.frame, packet), Verdict::none);
  EXPECT_EQ(packet.source_port.host(), 80) << "the VIP's port, as the client knows it";
}

TEST(NatReturn, OfNoFlowIsDropped) {
  Rig rig;
  const Snapshot snapshot = compiled(nat_config(Family::ipv4));
  const Outcome out = rig.send(snapshot, client_frame(Family::ipv4, 7, 40'000));
  const FrameSpec answer = answer_to(out);
  FrameSpec other = answer;
  other.destination_port = static_cast<std::uint16_t>(answer.destination_port + 1);
  EXPECT_EQ(rig.send(snapshot, other).name(), "drop_nat_unknown_flow") << "another port";
  other = answer;
  other.source = ip("10.0.1.200");
  EXPECT_EQ(rig.send(snapshot, other).name(), "drop_nat_unknown_flow") << "another server";
  other = answer;
  other.source_port = 81;
  EXPECT_EQ(rig.send(snapshot, other).name(), "drop_nat_unknown_flow") << "another server port";
  other = answer;
  other.payload = Payload::udp;
  EXPECT_EQ(rig.send(snapshot, other).name(), "drop_nat_unknown_flow") << "another protocol";
  other = answer;
  other.ttl = 1;
  EXPECT_EQ(rig.send(snapshot, other).name(), "drop_ttl_exceeded");
  EXPECT_EQ(rig.send(snapshot, answer).name(), "sent_nat_return");
}

TEST(NatReturn, KeepsComingFromADrainedOrRemovedBackend) {
  Rig rig;
  Config config = nat_config(Family::ipv4, 2);
  const Snapshot before = compiled(config);
  const Outcome out = rig.send(before, client_frame(Family::ipv4, 7, 40'000));
  auto& backends = config.services[0].backends;
  backends.erase(backends.begin() + (out.backend() - 1));
  const Snapshot after = compiled(config, {}, &before);
  EXPECT_EQ(rig.send(after, answer_to(out)).name(), "sent_nat_return");
}

// Many flows at once: no two share what the server sees, and each answer finds its own client.
TEST(NatSessions, AnswersFindTheirClients) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Rig rig({.flows_max = 4'096});
    const Snapshot snapshot = compiled(nat_config(family));
    std::map<std::pair<Address, std::pair<std::uint16_t, Address>>, FrameSpec> sessions;
    for (unsigned i = 0; i < 3'000; ++i) {
      const FrameSpec request =
          client_frame(family, i % 200 + 1, static_cast<std::uint16_t>(1'024 + i / 200));
      const Outcome out = rig.send(snapshot, request);
      ASSERT_EQ(out.name(), "sent_nat") << "flow " << i;
      const FrameSpec answer = answer_to(out);
      ASSERT_TRUE(sessions
                      .emplace(std::pair(answer.source,
                                         std::pair(answer.destination_port, answer.destination)),
                               request)
                      .second)
          << "two flows look the same to the server";
    }
    for (const auto& [seen, request] : sessions) {
      FrameSpec answer;
      answer.source = seen.first;
      answer.source_port = 80;
      answer.destination = seen.second.second;
      answer.destination_port = seen.second.first;
      const Outcome back = rig.send(snapshot, answer);
      ASSERT_EQ(back.name(), "sent_nat_return");
      ParsedPacket packet;
      ASSERT_EQ(parse(back.frame, packet), Verdict::none);
      ASSERT_EQ(packet.destination, request.source);
      ASSERT_EQ(packet.destination_port.host(), request.source_port);
      ASSERT_EQ(packet.source, request.destination);
    }
  }
}

TEST(NatSessions, OneFlowKeepsOneSourcePort) {
  Rig rig;
  const Snapshot snapshot = compiled(nat_config(Family::ipv4));
  const FrameSpec request = client_frame(Family::ipv4, 7, 40'000);
  const FrameSpec first = answer_to(rig.send(snapshot, request));
  for (int i = 0; i < 10; ++i) {
    const FrameSpec again = answer_to(rig.send(snapshot, request));
    EXPECT_EQ(again.destination_port, first.destination_port);
    EXPECT_EQ(again.destination, first.destination);
  }
  EXPECT_EQ(rig.counters().flows_inserted, 1U);
}

TEST(NatSessions, UseEveryAddressOfThePool) {
  Rig rig;
  Config config = nat_config(Family::ipv4, 1);
  config.services[0].source_pool = {ip("10.0.1.251"), ip("10.0.1.252"), ip("10.0.1.253")};
  const Snapshot snapshot = compiled(config);
  std::map<Address, int> uses;
  for (std::uint16_t i = 0; i < 300; ++i) {
    const Outcome out =
        rig.send(snapshot, client_frame(Family::ipv4, 7, static_cast<std::uint16_t>(2'000 + i)));
    ++uses[answer_to(out).destination];
  }
  ASSERT_EQ(uses.size(), 3U);
  for (const auto& [address, count] : uses) EXPECT_EQ(count, 100) << address.text();
}

TEST(NatSessions, WhenAllAreTakenNewFlowsAreDroppedAndOldOnesGoOn) {
  Rig rig({.flows_max = 64});
  const Snapshot snapshot = compiled(nat_config(Family::ipv4));
  std::vector<FrameSpec> sent;
  for (std::uint16_t i = 0; i < 200; ++i) {
    const FrameSpec request = client_frame(Family::ipv4, 7, static_cast<std::uint16_t>(2'000 + i));
    if (rig.send(snapshot, request).name() == "sent_nat") sent.push_back(request);
  }
  EXPECT_EQ(sent.size(), 64U);
  EXPECT_EQ(rig.count(Verdict::drop_nat_table_full), 136U);
  for (const FrameSpec& request : sent) EXPECT_EQ(rig.send(snapshot, request).name(), "sent_nat");
}

FrameSpec syn_of(Family family, unsigned number) {
  FrameSpec spec =
      client_frame(family, number % 250 + 1, static_cast<std::uint16_t>(1'024 + number / 250));
  spec.tcp_flags = TcpHeader::syn;
  return spec;
}

FiveTuple tuple_of(const FrameSpec& spec) {
  return {spec.source, spec.destination, Port(spec.source_port), Port(spec.destination_port),
          Protocol::tcp};
}

// A client takes part in a flood of SYNs, many times as many as there are sessions.
TEST(NatSynFlood, HalfOpenSessionsGiveWayAndEstablishedOnesDoNot) {
  constexpr std::size_t sessions = 256;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Rig rig({.flows_max = sessions});
    const Snapshot snapshot = compiled(nat_config(family));
    std::vector<std::pair<FrameSpec, FrameSpec>> established;  // request, answer
    unsigned number = 0;
    for (; number < 20 * sessions; ++number) {
      FrameSpec request = syn_of(family, number);
      const Outcome out = rig.send(snapshot, request);
      ASSERT_EQ(out.name(), "sent_nat") << "SYN " << number;
      if (number % 50 != 0) continue;
      request.tcp_flags = TcpHeader::ack;
      ASSERT_EQ(rig.send(snapshot, request).name(), "sent_nat");
      established.emplace_back(request, answer_to(out));
    }
    EXPECT_EQ(rig.count(Verdict::drop_nat_table_full), 0U);
    EXPECT_EQ(rig.counters().flows_evicted, number - sessions);
    ASSERT_EQ(established.size(), 103U);
    for (const auto& [request, answer] : established) {
      const FrameSpec now = answer_to(rig.send(snapshot, request));
      EXPECT_EQ(now.destination_port, answer.destination_port) << "the same session";
      const Outcome back = rig.send(snapshot, answer);
      ASSERT_EQ(back.name(), "sent_nat_return");
      ParsedPacket packet;
      ASSERT_EQ(parse(back.frame, packet), Verdict::none);
      EXPECT_EQ(packet.destination, request.source);
      EXPECT_EQ(packet.destination_port.host(), request.source_port);
    }
  }
}

TEST(NatSynFlood, TheOldestGoFirstAndWithEverythingOfTheirs) {
  Rig rig({.flows_max = 64});
  const Snapshot snapshot = compiled(nat_config(Family::ipv4));
  std::vector<FrameSpec> answers;
  for (unsigned i = 0; i < 64; ++i)
    answers.push_back(answer_to(rig.send(snapshot, syn_of(Family::ipv4, i))));
  for (unsigned i = 64; i < 74; ++i) (void)rig.send(snapshot, syn_of(Family::ipv4, i));
  for (unsigned i = 0; i < 64; ++i) {
    const bool expected = i >= 10;
    EXPECT_EQ(rig.flow(snapshot, tuple_of(syn_of(Family::ipv4, i))).has_value(), expected) << i;
    EXPECT_EQ(rig.send(snapshot, answers[i]).name(),
              expected ? "sent_nat_return" : "drop_nat_unknown_flow")
        << i;
  }
}

TEST(NatSynFlood, FindsNoPlaceAmongEstablishedSessions) {
  Rig rig({.flows_max = 64});
  const Snapshot snapshot = compiled(nat_config(Family::ipv4));
  for (unsigned i = 0; i < 64; ++i) {
    FrameSpec request = syn_of(Family::ipv4, i);
    request.tcp_flags = TcpHeader::ack;
    ASSERT_EQ(rig.send(snapshot, request).name(), "sent_nat");
  }
  for (unsigned i = 64; i < 264; ++i)
    EXPECT_EQ(rig.send(snapshot, syn_of(Family::ipv4, i)).name(), "drop_nat_table_full");
  EXPECT_EQ(rig.counters().flows_evicted, 0U);
}

// More SYNs than one address has ports, long before there are too many sessions.
TEST(NatSynFlood, HalfOpenSessionsGiveUpTheirPorts) {
  constexpr unsigned flows = 80'000;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Rig rig({.flows_max = 2 * flows});
    const Snapshot snapshot = compiled(nat_config(family, 1));
    std::vector<std::pair<FrameSpec, FrameSpec>> established;  // request, answer
    for (unsigned i = 0; i < flows; ++i) {
      FrameSpec request = syn_of(family, i);
      // Three a millisecond: the oldest have been there for a third of a minute at the end.
      const double now = 1'000 + i / 3'000.0;
      const Outcome out = rig.send(snapshot, request, now);
      ASSERT_EQ(out.name(), "sent_nat") << "SYN " << i;
      if (i % 1'000 != 0) continue;
      request.tcp_flags = TcpHeader::ack;
      ASSERT_EQ(rig.send(snapshot, request, now).name(), "sent_nat");
      established.emplace_back(request, answer_to(out));
    }
    EXPECT_GE(rig.counters().flows_evicted, flows - (65'536 - 1'024));
    for (const auto& [request, answer] : established)
      EXPECT_EQ(rig.send(snapshot, answer, 1'027).name(), "sent_nat_return");
  }
}

TEST(NatSessions, AreGivenBackWhenTheyExpire) {
  Rig rig({.flows_max = 64});
  const Snapshot snapshot = compiled(nat_config(Family::ipv4));
  for (int round = 0; round < 20; ++round) {
    const double now = 1'000 + 1'000.0 * round;
    for (std::uint16_t i = 0; i < 64; ++i)
      ASSERT_EQ(rig.send(snapshot,
                         client_frame(Family::ipv4, 7, static_cast<std::uint16_t>(2'000 + i)), now)
                    .name(),
                "sent_nat")
          << "round " << round << ", flow " << i;
    rig.age(snapshot, now + 902);
    ASSERT_EQ(rig.counters().flows_expired, 64U * (static_cast<unsigned>(round) + 1));
  }
}

TEST(NatSessions, LiveAsLongAsEitherSideTalks) {
  Rig rig;
  Config config = nat_config(Family::ipv4);
  config.services[0].idle_timeout = std::chrono::seconds(40);
  const Snapshot snapshot = compiled(config);
  const FrameSpec answer = answer_to(rig.send(snapshot, client_frame(Family::ipv4, 7, 40'000)));
  double now = 1'000;
  for (; now < 1'700; now += 35) {  // a long download: the server sends, the client is quiet
    ASSERT_EQ(rig.send(snapshot, answer, now).name(), "sent_nat_return");
    rig.age(snapshot, now + 34);
  }
  rig.age(snapshot, now + 80);
  EXPECT_EQ(rig.send(snapshot, answer, now + 80).name(), "drop_nat_unknown_flow");
}

TEST(NatSessions, AServersFinClosesTheFlowSooner) {
  Rig rig;
  const Snapshot snapshot = compiled(nat_config(Family::ipv4));
  FrameSpec answer = answer_to(rig.send(snapshot, client_frame(Family::ipv4, 7, 40'000)));
  answer.tcp_flags = TcpHeader::fin | TcpHeader::ack;
  EXPECT_EQ(rig.send(snapshot, answer, 1'000).name(), "sent_nat_return");
  rig.age(snapshot, 1'061);
  EXPECT_EQ(rig.send(snapshot, answer, 1'061).name(), "drop_nat_unknown_flow");
}

TEST(NatSessions, AClientsPortUsedAgainIsANewSession) {
  Rig rig;
  const Snapshot snapshot = compiled(nat_config(Family::ipv4));
  FrameSpec request = client_frame(Family::ipv4, 7, 40'000);
  const FrameSpec old_answer = answer_to(rig.send(snapshot, request));
  request.tcp_flags = TcpHeader::fin | TcpHeader::ack;
  (void)rig.send(snapshot, request);
  request.tcp_flags = TcpHeader::syn;
  ASSERT_EQ(rig.send(snapshot, request).name(), "sent_nat");
  EXPECT_EQ(rig.counters().flows_inserted, 2U);
  EXPECT_TRUE(rig.flow(
      snapshot, {request.source, request.destination, Port(40'000), Port(80), Protocol::tcp}));
}

// More flows towards one server than one address has ports: no port twice, and a verdict that says
// what is missing.
TEST(NatSessions, RunOutOfPortsOneByOneAndSaySo) {
  constexpr unsigned flows = 70'000;
  Rig rig({.flows_max = 2 * flows});
  const Snapshot snapshot = compiled(nat_config(Family::ipv4, 1));
  std::set<std::uint16_t> ports;
  unsigned exhausted = 0;
  for (unsigned i = 0; i < flows; ++i) {
    const Outcome out = rig.send(
        snapshot, client_frame(Family::ipv4, i % 200 + 1, static_cast<std::uint16_t>(i / 200 + 1)));
    if (out.name() == "drop_nat_ports_exhausted") {
      ++exhausted;
      continue;
    }
    ASSERT_EQ(out.name(), "sent_nat") << "flow " << i;
    ASSERT_TRUE(ports.insert(answer_to(out).destination_port).second) << "port used twice";
  }
  EXPECT_GE(exhausted, flows - (65'536 - 1'024));
  EXPECT_GT(ports.size(), 60'000U) << "given up on free ports too early";
}

TEST(NatSessions, AnswersComeBackToTheWorkerOfTheSession) {
  constexpr std::uint16_t workers = 4;
  const ReturnSteering steering = ReturnSteering::even(workers);
  const Snapshot snapshot = compiled(nat_config(Family::ipv6));
  for (std::uint16_t worker = 0; worker < workers; ++worker) {
    Rig rig({.worker = worker, .workers = workers});
    Rig other({.worker = static_cast<std::uint16_t>((worker + 1) % workers), .workers = workers});
    for (std::uint16_t i = 0; i < 200; ++i) {
      const FrameSpec answer = answer_to(
          rig.send(snapshot, client_frame(Family::ipv6, 7, static_cast<std::uint16_t>(2'000 + i))));
      const FiveTuple tuple{answer.source, answer.destination, Port(answer.source_port),
                            Port(answer.destination_port), Protocol::tcp};
      ASSERT_EQ(steering.worker_of(tuple), worker);
      ASSERT_EQ(rig.send(snapshot, answer).name(), "sent_nat_return");
      const Outcome strayed = other.send(snapshot, answer);
      ASSERT_EQ(strayed.name(), "handed_over");
      ASSERT_EQ(strayed.to_worker, worker);
    }
  }
}

TEST(NatSessions, ASynFloodDoesNotPushOutEstablishedFlows) {
  Rig rig({.flows_max = 64});
  const Snapshot snapshot = compiled(nat_config(Family::ipv4));
  const FrameSpec real = client_frame(Family::ipv4, 7, 40'000);
  const FrameSpec answer = answer_to(rig.send(snapshot, real));
  for (std::uint16_t i = 0; i < 2'000; ++i) {
    FrameSpec syn = client_frame(Family::ipv4, 8, static_cast<std::uint16_t>(2'000 + i));
    syn.tcp_flags = TcpHeader::syn;
    (void)rig.send(snapshot, syn);
  }
  EXPECT_EQ(rig.send(snapshot, real).name(), "sent_nat");
  EXPECT_EQ(rig.send(snapshot, answer).name(), "sent_nat_return");
}

// When the service changes from tunnels to NAT and back, no entry of the one kind is read as the
// other.
TEST(NatSessions, AChangeOfModeStartsFlowsAnew) {
  Rig rig;
  const FrameSpec frame = client_frame(Family::ipv4, 7, 40'000);
  Snapshot snapshot = compiled(sample_config());
  for (int i = 0; i < 100; ++i) {
    const Forward forward = i % 2 == 0 ? Forward::nat : Forward::ipip;
    snapshot = compiled(sample_config({.forward = forward}), {}, &snapshot);
    ASSERT_EQ(rig.send(snapshot, frame).name(), i % 2 == 0 ? "sent_nat" : "sent_ipip");
  }
}

}  // namespace
}  // namespace sluice::dataplane
