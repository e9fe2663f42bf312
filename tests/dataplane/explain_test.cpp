#include "core/config/explain.h"

#include <gtest/gtest.h>

#include "tests/dataplane/rig.h"

// Two implementations of one decision: explain, and the pipeline on the packet of the same tuple.

namespace sluice::dataplane {
namespace {

using test::sample_config;

constexpr int tuples = 10'000;

struct Mode {
  Forward forward;
  Family family;
  const char* tunnel_source = "route";
  OnDeath on_death = OnDeath::repick;
};

// Services of both protocols, one backend in each state, before and after a change of health.
Config mixed_config(const Mode& mode) {
  Config config = sample_config({.forward = mode.forward,
                                 .vip_family = mode.family,
                                 .backend_family = mode.family,
                                 .backends = 8});
  config.services[0].health.type = ProbeType::tcp;
  config.services[0].tunnel_source = TunnelSource::parse(mode.tunnel_source).value();
  config.services[0].backends[0].drain = true;
  config.services[0].backends[1].weight = 0;
  config.services[0].backends[2].weight = 9;
  ServiceConfig udp = config.services[0];
  config.services[0].on_death = mode.on_death;
  udp.name = "dns";
  udp.protocol = Protocol::udp;
  udp.ports = {Port(53), Port(5'353)};
  config.services.push_back(udp);
  return config;
}

Health random_health(const Config& config, std::mt19937_64& random) {
  Health out;
  for (const ServiceConfig& service : config.services)
    for (const BackendConfig& backend : service.backends)
      out.entries.push_back({service.name, backend.name, static_cast<TargetState>(random() % 3)});
  return out;
}

FiveTuple random_tuple(std::mt19937_64& random, Family family) {
  const std::uint16_t ports[] = {80, 53, 5'353, 81};
  FiveTuple tuple;
  tuple.source = test::random_address(random, family);
  tuple.destination =
      random() % 20 == 0 ? test::random_address(random, family) : test::vip_of(family);
  tuple.source_port = Port(static_cast<std::uint16_t>(random() % 65'535 + 1));
  tuple.destination_port = Port(ports[random() % 4]);
  tuple.protocol = random() % 2 == 0 ? Protocol::tcp : Protocol::udp;
  return tuple;
}

void expect_agreement(const Snapshot& snapshot, const FiveTuple& tuple, Rig& rig,
                      double now_seconds) {
  const auto entry = rig.flow(snapshot, tuple);
  const Explanation said =
      explain(snapshot, tuple, entry ? std::optional(entry->target) : std::nullopt);
  const Outcome done = rig.send(snapshot, test::spec_of(tuple), now_seconds);
  const std::string reasons =
      tuple.text() + ": " + done.name() + "; " + (said.reasons.empty() ? "" : said.reasons.back());
  if (!said.listener) {
    ASSERT_EQ(done.name(), snapshot.vips.find(tuple.destination) == nullptr ? "passed_to_kernel"
                                                                            : "drop_no_listener")
        << reasons;
  } else if (!said.backend) {
    const bool ends =
        entry && snapshot.services[snapshot.listener(*said.listener).service].resets_on_death;
    const char* end = tuple.source.is_multicast() ? "drop_backend_gone" : "replied_reset";
    ASSERT_EQ(done.name(), ends ? end : "drop_no_backend") << reasons;
  } else {
    ASSERT_EQ(exit_of(done.verdict), Exit::transmit) << reasons;
    ASSERT_EQ(test::backend_address(tuple.source.family(), done.backend()),
              snapshot.backend(*said.backend).address)
        << reasons;
    ASSERT_EQ(said.backend_name, snapshot.backend(*said.backend).name);
    if (snapshot.backend(*said.backend).tunnel) {
      ParsedPacket outer;
      (void)parse(done.frame, outer);
      ASSERT_NE(said.encapsulation.find(" " + outer.source.text() + " -> "), std::string::npos)
          << said.encapsulation;
      if (done.verdict != Verdict::sent_gue) return;
      ASSERT_NE(said.encapsulation.find("UDP " + std::to_string(outer.source_port.host()) + " -> "),
                std::string::npos)
          << said.encapsulation;
    }
  }
}

void expect_explain_names_what_the_packet_takes(const Mode& mode) {
  std::mt19937_64 random(31);
  Rig rig({.flows_max = 32'768});
  const Config config = mixed_config(mode);
  Snapshot snapshot = test::compiled(config, random_health(config, random));
  std::vector<FiveTuple> known;
  int hits = 0;
  for (int i = 0; i < tuples; ++i) {
    if (i % 500 == 499) snapshot = test::compiled(config, random_health(config, random), &snapshot);
    const bool again = !known.empty() && random() % 2 == 0;
    const FiveTuple tuple =
        again ? known[random() % known.size()] : random_tuple(random, mode.family);
    hits += rig.flow(snapshot, tuple) ? 1 : 0;
    expect_agreement(snapshot, tuple, rig, 1'000 + i * 1e-3);
    if (testing::Test::HasFatalFailure()) return;
    known.push_back(tuple);
  }
  EXPECT_GT(hits, tuples / 10) << "too few flow-table hits to mean anything";
  EXPECT_LT(hits, tuples * 9 / 10) << "too few misses to mean anything";
}

TEST(ExplainAgainstPipeline, Ipip4) {
  expect_explain_names_what_the_packet_takes({Forward::ipip, Family::ipv4});
}
TEST(ExplainAgainstPipeline, Ipip4WithResets) {
  expect_explain_names_what_the_packet_takes(
      {Forward::ipip, Family::ipv4, "route", OnDeath::reset});
}
TEST(ExplainAgainstPipeline, Ipip6) {
  expect_explain_names_what_the_packet_takes({Forward::ipip, Family::ipv6});
}
TEST(ExplainAgainstPipeline, Gue4) {
  expect_explain_names_what_the_packet_takes({Forward::gue, Family::ipv4});
}
TEST(ExplainAgainstPipeline, Gue6) {
  expect_explain_names_what_the_packet_takes({Forward::gue, Family::ipv6});
}
TEST(ExplainAgainstPipeline, Gre4) {
  expect_explain_names_what_the_packet_takes({Forward::gre, Family::ipv4});
}
TEST(ExplainAgainstPipeline, Gre6) {
  expect_explain_names_what_the_packet_takes({Forward::gre, Family::ipv6});
}
TEST(ExplainAgainstPipeline, Ipip4FromAPrefix) {
  expect_explain_names_what_the_packet_takes({Forward::ipip, Family::ipv4, "198.18.0.0/16"});
}
TEST(ExplainAgainstPipeline, Gue6FromAPrefix) {
  expect_explain_names_what_the_packet_takes({Forward::gue, Family::ipv6, "2001:db8:5::/64"});
}
TEST(ExplainAgainstPipeline, L2dsr4) {
  expect_explain_names_what_the_packet_takes({Forward::l2dsr, Family::ipv4});
}
TEST(ExplainAgainstPipeline, L2dsr6) {
  expect_explain_names_what_the_packet_takes({Forward::l2dsr, Family::ipv6});
}
TEST(ExplainAgainstPipeline, Nat4) {
  expect_explain_names_what_the_packet_takes({Forward::nat, Family::ipv4});
}
TEST(ExplainAgainstPipeline, Nat6) {
  expect_explain_names_what_the_packet_takes({Forward::nat, Family::ipv6});
}

}  // namespace
}  // namespace sluice::dataplane
