#include "dataplane/l4/chooser.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "core/config/explain.h"
#include "core/net/wire.h"
#include "tests/dataplane/rig.h"

// Which backend a new flow gets: by turns, by load, within limits, for each packet.

namespace sluice::dataplane {
namespace {

using test::compiled;
using test::FrameSpec;
using test::ip;
using test::Payload;
using test::sample_config;
using wire::TcpHeader;

Config config_of(Balance balance, unsigned backends = 3, Protocol protocol = Protocol::tcp) {
  Config config = sample_config(
      {.forward = Forward::l2dsr, .protocol = protocol, .backends = backends, .slots = 1'021});
  config.services[0].balance = balance;
  if (balance == Balance::rendezvous) config.services[0].slots = 1'024;
  return config;
}

FrameSpec flow_frame(unsigned number, std::uint8_t tcp_flags = TcpHeader::ack) {
  FrameSpec spec;
  spec.source = ip("198.51.100." + std::to_string(1 + number / 50'000));
  spec.source_port = static_cast<std::uint16_t>(1'024 + number % 50'000);
  spec.tcp_flags = tcp_flags;
  return spec;
}

FrameSpec datagram(unsigned number) {
  FrameSpec spec = flow_frame(number);
  spec.payload = Payload::udp;
  return spec;
}

FiveTuple tuple_of(const FrameSpec& spec) {
  return {spec.source, spec.destination, Port(spec.source_port), Port(spec.destination_port),
          spec.payload == Payload::udp ? Protocol::udp : Protocol::tcp};
}

using Shares = std::map<unsigned, unsigned>;

unsigned spread_of(const Shares& shares, unsigned backends) {
  unsigned least = shares.size() < backends ? 0 : ~0U;
  unsigned most = 0;
  for (const auto& [backend, flows] : shares) {
    least = std::min(least, flows);
    most = std::max(most, flows);
  }
  return most - least;
}

// ---- weighted round robin

TEST(RoundRobin, SharesAreExactlyTheWeights) {
  Rig rig;
  Config config = config_of(Balance::weighted_round_robin);
  for (std::uint16_t i = 0; i < 3; ++i)
    config.services[0].backends[i].weight = static_cast<std::uint16_t>(i + 1);
  const Snapshot snapshot = compiled(config);
  Shares shares;
  for (unsigned flow = 0; flow < 600; ++flow)
    ++shares[rig.send(snapshot, flow_frame(flow)).backend()];
  EXPECT_EQ(shares, (Shares{{1, 100}, {2, 200}, {3, 300}}));
}

TEST(RoundRobin, KnownFlowsStayAndTakeNoTurn) {
  Rig rig;
  const Snapshot snapshot = compiled(config_of(Balance::weighted_round_robin));
  Shares homes;
  for (unsigned flow = 0; flow < 30; ++flow)
    homes[flow] = rig.send(snapshot, flow_frame(flow)).backend();
  for (unsigned flow = 0; flow < 30; ++flow)
    ASSERT_EQ(rig.send(snapshot, flow_frame(flow)).backend(), homes[flow]);
  Shares shares;
  for (unsigned flow = 30; flow < 60; ++flow)
    ++shares[rig.send(snapshot, flow_frame(flow)).backend()];
  EXPECT_EQ(shares, (Shares{{1, 10}, {2, 10}, {3, 10}}));
}

TEST(RoundRobin, WithoutRoomAFlowStaysByItsSlot) {
  Rig rig({.flows_max = 64});
  const Snapshot snapshot = compiled(config_of(Balance::weighted_round_robin));
  Shares homes;
  for (unsigned flow = 0; flow < 1'000; ++flow)
    homes[flow] = rig.send(snapshot, flow_frame(flow)).backend();
  EXPECT_GT(rig.counters().flow_table_full, 500U);
  for (unsigned flow = 0; flow < 1'000; ++flow)
    ASSERT_EQ(rig.send(snapshot, flow_frame(flow)).backend(), homes[flow]);
}

// ---- weighted least connection

TEST(LeastConnection, EvensOutWhatHasClosed) {
  Rig rig;
  const Snapshot snapshot = compiled(config_of(Balance::weighted_least_connection));
  Shares shares;
  std::vector<unsigned> on_first;
  for (unsigned flow = 0; flow < 60; ++flow) {
    const unsigned backend = rig.send(snapshot, flow_frame(flow)).backend();
    ++shares[backend];
    if (backend == 1) on_first.push_back(flow);
  }
  EXPECT_EQ(shares, (Shares{{1, 20}, {2, 20}, {3, 20}}));
  for (unsigned i = 0; i < 12; ++i)
    (void)rig.send(snapshot, flow_frame(on_first[i], TcpHeader::fin | TcpHeader::ack));
  for (unsigned flow = 100; flow < 112; ++flow)
    EXPECT_EQ(rig.send(snapshot, flow_frame(flow)).backend(), 1U);
}

TEST(LeastConnection, WeightsDivideTheFlows) {
  Rig rig;
  Config config = config_of(Balance::weighted_least_connection);
  config.services[0].backends[2].weight = 4;
  const Snapshot snapshot = compiled(config);
  Shares shares;
  for (unsigned flow = 0; flow < 600; ++flow)
    ++shares[rig.send(snapshot, flow_frame(flow)).backend()];
  EXPECT_NEAR(shares[1], 100, 1);
  EXPECT_NEAR(shares[2], 100, 1);
  EXPECT_NEAR(shares[3], 400, 1);
}

TEST(LeastConnection, CountsTheFlowsOfAllWorkers) {
  std::vector<WorkerCounters> counters(2);
  Rig first({.worker = 0, .workers = 2, .all_counters = counters});
  Rig second({.worker = 1, .workers = 2, .all_counters = counters});
  const Snapshot snapshot = compiled(config_of(Balance::weighted_least_connection, 5));
  Shares shares;
  for (unsigned flow = 0; flow < 500; ++flow) {
    Rig& rig = flow % 7 < 5 ? first : second;  // RSS is not even
    ++shares[rig.send(snapshot, flow_frame(flow)).backend()];
    ASSERT_LE(spread_of(shares, 5), 1U);
  }
}

TEST(LeastConnection, AmongManyTheListIsMadeAnewEachMillisecond) {
  const Snapshot snapshot = compiled(config_of(Balance::weighted_least_connection, 100));
  Rig rig({.flows_max = 8'192});
  Shares shares;
  for (unsigned flow = 0; flow < 2'000; ++flow)
    ++shares[rig.send(snapshot, flow_frame(flow), 1'000 + flow * 0.002).backend()];
  EXPECT_LE(spread_of(shares, 100), 1U) << "exact when no two flows come in one millisecond";
  // A thousand flows in one: those of the list alone, among themselves even.
  Shares burst;
  for (unsigned flow = 5'000; flow < 6'000; ++flow)
    ++burst[rig.send(snapshot, flow_frame(flow), 1'010).backend()];
  EXPECT_EQ(burst.size(), 16U);
  EXPECT_LE(spread_of(burst, 16), 1U);
}

// ---- limits

void expect_limits_hold(Balance balance, Rig& rig) {
  Config config = config_of(balance);
  for (BackendConfig& backend : config.services[0].backends) backend.max_connections = 5;
  const Snapshot snapshot = compiled(config);
  Shares shares;
  for (unsigned flow = 0; flow < 15; ++flow) {
    const Outcome out = rig.send(snapshot, flow_frame(flow));
    ASSERT_EQ(out.name(), "sent_l2dsr");
    ++shares[out.backend()];
  }
  EXPECT_EQ(shares, (Shares{{1, 5}, {2, 5}, {3, 5}})) << spell(balance);
  EXPECT_EQ(rig.send(snapshot, flow_frame(99)).name(), "drop_backends_full");
  EXPECT_EQ(rig.send(snapshot, flow_frame(3)).name(), "sent_l2dsr") << "known flows go on";
  const Outcome closed = rig.send(snapshot, flow_frame(3, TcpHeader::rst));
  // A search that found nobody is not made again for a millisecond.
  EXPECT_EQ(rig.send(snapshot, flow_frame(99), 1'000.002).backend(), closed.backend());
  EXPECT_EQ(rig.send(snapshot, flow_frame(98), 1'000.002).name(), "drop_backends_full");
}

TEST(MaxConnections, HoldsUnderEveryPolicy) {
  for (const Balance balance : {Balance::maglev, Balance::rendezvous, Balance::weighted_round_robin,
                                Balance::weighted_least_connection}) {
    Rig rig;
    expect_limits_hold(balance, rig);
  }
}

TEST(MaxConnections, OneFullBackendAmongManyOverflows) {
  for (const Balance balance : {Balance::maglev, Balance::rendezvous, Balance::weighted_round_robin,
                                Balance::weighted_least_connection}) {
    Rig rig;
    Config config = config_of(balance);
    config.services[0].backends[1].max_connections = 1;
    const Snapshot snapshot = compiled(config);
    Shares shares;
    for (unsigned flow = 0; flow < 300; ++flow)
      ++shares[rig.send(snapshot, flow_frame(flow)).backend()];
    EXPECT_EQ(shares[2], 1U) << spell(balance);
    EXPECT_GT(shares[1], 100U);
    EXPECT_GT(shares[3], 100U);
    EXPECT_EQ(rig.count(Verdict::drop_backends_full), 0U);
  }
}

TEST(MaxConnections, TheRunnerUpTakesOverAndExplainSaysSo) {
  Rig rig;
  Config config = config_of(Balance::rendezvous, 5);
  for (BackendConfig& backend : config.services[0].backends) backend.max_connections = 3;
  const Snapshot snapshot = compiled(config);
  const Service& service = snapshot.services[0];
  unsigned taken_over = 0;
  for (unsigned flow = 0; flow < 15; ++flow) {
    std::vector<std::uint64_t> active;
    for (std::size_t i = 0; i < snapshot.backends.size(); ++i)
      active.push_back(rig.counters().backends[i].active);
    const FiveTuple tuple = tuple_of(flow_frame(flow));
    const Explanation why = explain(snapshot, tuple, {}, active);
    const Outcome out = rig.send(snapshot, flow_frame(flow));
    ASSERT_EQ("b" + std::to_string(out.backend()), why.backend_name) << "flow " << flow;
    const std::uint32_t slot = service.slots->slot_of(hash_flow(tuple, snapshot.hash_seed));
    const std::uint32_t owner = service.slots->owner(slot);
    if (active[owner] < 3) continue;
    const auto second = runner_up(*service.choosing.claims, slot);
    ASSERT_TRUE(second);
    if (active[*second] < 3) {
      ++taken_over;
      EXPECT_EQ(out.backend(), snapshot.backend(BackendId{*second}).address.bytes()[15]);
    }
  }
  EXPECT_GT(taken_over, 0U);
}

TEST(MaxConnections, CountsTheFlowsOfAllWorkers) {
  std::vector<WorkerCounters> counters(2);
  Rig first({.worker = 0, .workers = 2, .all_counters = counters});
  Rig second({.worker = 1, .workers = 2, .all_counters = counters});
  Config config = config_of(Balance::maglev, 2);
  for (BackendConfig& backend : config.services[0].backends) backend.max_connections = 10;
  const Snapshot snapshot = compiled(config);
  unsigned sent = 0;
  for (unsigned flow = 0; flow < 40; ++flow)
    if ((flow % 2 == 0 ? first : second).send(snapshot, flow_frame(flow)).name() == "sent_l2dsr")
      ++sent;
  EXPECT_EQ(sent, 20U);
}

// ---- one packet at a time, and the hash of the source

TEST(OnePacket, EachDatagramHasItsTurn) {
  Rig rig;
  Config config = config_of(Balance::weighted_round_robin, 3, Protocol::udp);
  config.services[0].one_packet = true;
  const Snapshot snapshot = compiled(config);
  Shares shares;
  for (unsigned i = 0; i < 30; ++i) ++shares[rig.send(snapshot, datagram(7)).backend()];
  EXPECT_EQ(shares, (Shares{{1, 10}, {2, 10}, {3, 10}})) << "one client, one port";
  EXPECT_EQ(rig.counters().flows_inserted, 0U);
  EXPECT_FALSE(rig.flow(snapshot, tuple_of(datagram(7))));
}

TEST(OnePacket, TheFragmentsOfADatagramStayTogether) {
  Rig rig;
  Config config = config_of(Balance::weighted_round_robin, 3, Protocol::udp);
  config.services[0].one_packet = true;
  const Snapshot snapshot = compiled(config);
  std::set<unsigned> used;
  for (unsigned i = 0; i < 20; ++i) {
    FrameSpec first = datagram(i);
    first.dont_fragment = false;
    first.more_fragments = true;
    FrameSpec later = first;
    later.fragment_offset = 3;
    later.more_fragments = false;
    const Outcome out = rig.send(snapshot, first);
    ASSERT_EQ(out.name(), "sent_l2dsr");
    ASSERT_EQ(rig.send(snapshot, later).backend(), out.backend());
    used.insert(out.backend());
  }
  EXPECT_EQ(used.size(), 3U) << "by their flows' slots";
}

TEST(OnePacket, AFlowFromBeforeIsForgotten) {
  Rig rig;
  Config config = config_of(Balance::weighted_round_robin, 3, Protocol::udp);
  const Snapshot before = compiled(config);
  (void)rig.send(before, datagram(7));
  ASSERT_TRUE(rig.flow(before, tuple_of(datagram(7))));
  config.services[0].one_packet = true;
  const Snapshot after = compiled(config, {}, &before);
  Shares shares;
  for (unsigned i = 0; i < 30; ++i) ++shares[rig.send(after, datagram(7)).backend()];
  EXPECT_EQ(shares.size(), 3U);
  EXPECT_FALSE(rig.flow(after, tuple_of(datagram(7))));
  EXPECT_TRUE(rig.count_active().empty());
}

TEST(HashOfSource, AClientHasOneBackendForAllItsFlows) {
  for (const Balance balance : {Balance::maglev, Balance::rendezvous}) {
    Rig rig;
    Config config = config_of(balance, 8);
    config.services[0].hash = HashOf::source;
    const Snapshot snapshot = compiled(config);
    std::set<unsigned> used;
    for (unsigned client = 1; client <= 40; ++client) {
      FrameSpec spec = flow_frame(0);
      spec.source = ip("198.51.100." + std::to_string(client));
      const Explanation why = explain(snapshot, tuple_of(spec), {});
      for (std::uint16_t port = 2'000; port < 2'010; ++port) {
        spec.source_port = port;
        ASSERT_EQ("b" + std::to_string(rig.send(snapshot, spec).backend()), why.backend_name);
      }
      used.insert(rig.send(snapshot, spec).backend());
    }
    EXPECT_GT(used.size(), 5U);
  }
}

// ---- ICMP errors about flows that another worker knows

TEST(Chooser, AnErrorAboutAnUnknownFlowGoesToTheWorkerThatHasIt) {
  Rig rig({.worker = 0, .workers = 2});
  const Snapshot snapshot = compiled(config_of(Balance::weighted_round_robin));
  std::map<std::string, unsigned> verdicts;
  for (unsigned flow = 0; flow < 50; ++flow) {
    FrameSpec quoted = flow_frame(flow);  // what the server sent to the client
    std::swap(quoted.source, quoted.destination);
    std::swap(quoted.source_port, quoted.destination_port);
    FrameSpec error;
    error.source = ip("192.0.2.1");
    const auto bytes = test::packet_of(test::build(quoted));
    ++verdicts[rig.send(snapshot, test::build_error(error, 3, 4, 1'400, bytes)).name()];
  }
  EXPECT_GT(verdicts["handed_over"], 10U);
  EXPECT_GT(verdicts["drop_icmp_unknown_flow"], 10U) << "it is this worker's, and not known";
  EXPECT_EQ(verdicts.size(), 2U);
}

}  // namespace
}  // namespace sluice::dataplane
