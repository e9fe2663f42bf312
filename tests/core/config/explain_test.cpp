#include "core/config/explain.h"

#include <gtest/gtest.h>

#include "tests/core/sample_config.h"

// That explain names the backend which packets take is tested where the packet path is:
// tests/dataplane/explain_test.cpp.

namespace sluice {
namespace {

using test::compiled;
using test::ip;
using test::sample_config;

FiveTuple tuple_to(const char* destination, std::uint16_t port, Protocol protocol = Protocol::tcp) {
  const Address address = ip(destination);
  return {ip(address.is_ipv4() ? "198.51.100.7" : "2001:db8:c::7"), address, Port(40'000),
          Port(port), protocol};
}

std::string reasons(const Explanation& explanation) {
  std::string out;
  for (const std::string& reason : explanation.reasons) out += reason + "\n";
  return out;
}

TEST(Explain, WhatIsNotForAService) {
  const Snapshot snapshot = compiled(sample_config({.forward = Forward::nat}));
  const Explanation kernel = explain(snapshot, tuple_to("198.51.100.9", 80), {});
  EXPECT_FALSE(kernel.listener);
  EXPECT_EQ(reasons(kernel), "198.51.100.9 is no VIP: left to the kernel\n");
  EXPECT_NE(reasons(explain(snapshot, tuple_to("203.0.113.10", 81), {})).find("drop_no_listener"),
            std::string::npos);
  EXPECT_NE(reasons(explain(snapshot, tuple_to("203.0.113.10", 80, Protocol::udp), {}))
                .find("drop_no_listener"),
            std::string::npos);
  EXPECT_NE(reasons(explain(snapshot, tuple_to("10.0.1.253", 80), {})).find("source-pool"),
            std::string::npos);
}

TEST(Explain, AMissNamesSlotBackendAndEncapsulation) {
  const Snapshot snapshot = compiled(sample_config());
  const FiveTuple tuple = tuple_to("203.0.113.10", 80);
  const Explanation out = explain(snapshot, tuple, {});
  EXPECT_EQ(out.service, "web");
  EXPECT_FALSE(out.known_flow);
  EXPECT_EQ(out.slot_count, 1'021U);
  EXPECT_EQ(out.slot, snapshot.services[0].slots->slot_of(hash_flow(tuple, 0)));
  ASSERT_TRUE(out.backend);
  const Backend& backend = snapshot.backend(*out.backend);
  EXPECT_EQ(out.backend_name, backend.name);
  EXPECT_EQ(out.encapsulation, "IPv4 10.0.1.254 -> " + backend.address.text() + ", protocol 4");
}

TEST(Explain, SaysWhatIsDoneToTcp) {
  Config config = sample_config({.forward = Forward::nat});
  config.services[0].proxy_protocol = ProxyProtocol::v2;
  config.services[0].syn_cookies = SynCookies::automatic;
  const std::string said = reasons(explain(compiled(config), tuple_to("203.0.113.10", 80), {}));
  EXPECT_NE(said.find("PROXY protocol header (v2)"), std::string::npos) << said;
  EXPECT_NE(said.find("SYN cookie while many sessions are half-open"), std::string::npos) << said;
}

TEST(Explain, AHitStaysAndSaysSo) {
  const Snapshot snapshot = compiled(sample_config());
  const FiveTuple tuple = tuple_to("203.0.113.10", 80);
  for (const Backend& backend : snapshot.backends) {
    const Explanation out = explain(snapshot, tuple, backend.target);
    EXPECT_TRUE(out.known_flow);
    EXPECT_EQ(out.backend, backend.target.backend());
  }
  const Explanation gone = explain(snapshot, tuple, Target::of(BackendId{0}, 9));
  EXPECT_FALSE(gone.known_flow);
  EXPECT_NE(reasons(gone).find("is gone: picked anew"), std::string::npos);
}

TEST(Explain, ABackendThatIsDownLosesItsFlows) {
  Config config = sample_config();
  config.services[0].health.type = ProbeType::tcp;
  const Snapshot snapshot = compiled(config, {{{"web", "b1", TargetState::down},
                                               {"web", "b2", TargetState::up},
                                               {"web", "b3", TargetState::up}}});
  const Target down = snapshot.backends[0].target;
  const Explanation out = explain(snapshot, tuple_to("203.0.113.10", 80), down);
  EXPECT_FALSE(out.known_flow);
  EXPECT_NE(out.backend, down.backend());
  EXPECT_NE(reasons(out).find("b1, which is down"), std::string::npos);
}

TEST(Explain, SaysWhyNothingIsSent) {
  Config config = sample_config({.backends = 1});
  const auto no_path = compile(config, {}, {}, nullptr);
  EXPECT_NE(reasons(explain(*no_path, tuple_to("203.0.113.10", 80), {})).find("drop_no_path"),
            std::string::npos);
  config.services[0].backends[0].drain = true;
  const Explanation none = explain(compiled(config), tuple_to("203.0.113.10", 80), {});
  EXPECT_FALSE(none.backend);
  EXPECT_NE(reasons(none).find("drop_no_backend"), std::string::npos);
}

TEST(Explain, EveryModeSaysWhatItDoesToThePacket) {
  const Snapshot l2dsr = compiled(sample_config({.forward = Forward::l2dsr, .backends = 1}));
  EXPECT_EQ(explain(l2dsr, tuple_to("203.0.113.10", 80), {}).encapsulation,
            "none; link address 02:00:00:00:01:01");
  const Snapshot nat = compiled(sample_config({.forward = Forward::nat, .backends = 1}));
  EXPECT_EQ(explain(nat, tuple_to("203.0.113.10", 80), {}).encapsulation,
            "destination becomes 10.0.1.1:80, source one of the pool");
  const Snapshot v6 = compiled(
      sample_config({.vip_family = Family::ipv6, .backend_family = Family::ipv4, .backends = 1}));
  EXPECT_EQ(explain(v6, tuple_to("2001:db8::10", 80), {}).encapsulation.substr(0, 40),
            "IPv4 10.0.1.254 -> 10.0.1.1, protocol 41");
}

TEST(Explain, TunnelsAreShownFromTheOutsideIn) {
  Config config = sample_config({.forward = Forward::gre, .backends = 1});
  const FiveTuple tuple = tuple_to("203.0.113.10", 80);
  const auto text = [&] { return explain(compiled(config), tuple, {}).encapsulation; };
  EXPECT_EQ(text(), "IPv4 10.0.1.254 -> 10.0.1.1, GRE type 0x0800");
  config.services[0].tunnel_source = TunnelSource::parse("198.18.0.0/16").value();
  const Address source = Prefix::parse("198.18.0.0/16")->at(hash_flow(tuple, 0));
  EXPECT_EQ(text(), "IPv4 " + source.text() + " -> 10.0.1.1, GRE type 0x0800");
  config.services[0].tunnel_source = {};
  config.services[0].forward = Forward::gue;
  const std::string port = std::to_string(gue_source_port(hash_flow(tuple, 0)).value());
  EXPECT_EQ(text(), "IPv4 10.0.1.254 -> 10.0.1.1, UDP " + port + " -> 6080, GUE variant 1");
  config.services[0].gue_variant = 0;
  config.services[0].gue_port = Port(5'555);
  EXPECT_EQ(text(),
            "IPv4 10.0.1.254 -> 10.0.1.1, UDP " + port + " -> 5555, GUE variant 0 protocol 4");
}

std::string all_reasons(const Explanation& said) {
  std::string out;
  for (const std::string& reason : said.reasons) out += reason + "\n";
  return out;
}

TEST(Explain, L3dsrAndNat64SayWhatThePacketBecomes) {
  const Snapshot l3dsr = compiled(sample_config({.forward = Forward::l3dsr, .backends = 1}));
  EXPECT_EQ(explain(l3dsr, tuple_to("203.0.113.10", 80), {}).encapsulation,
            "none; destination becomes 10.0.1.1, DSCP 5");
  const Snapshot nat64 = compiled(sample_config({.forward = Forward::nat,
                                                 .vip_family = Family::ipv6,
                                                 .backend_family = Family::ipv4,
                                                 .backends = 1}));
  EXPECT_EQ(explain(nat64, tuple_to("2001:db8::10", 80), {}).encapsulation,
            "destination becomes 10.0.1.1:80, source one of the pool, IPv6 becomes IPv4");
}

TEST(Explain, LocalIsTheKernels) {
  const Snapshot snapshot = compiled(sample_config({.forward = Forward::local}));
  const Explanation said = explain(snapshot, tuple_to("203.0.113.10", 80), {});
  EXPECT_TRUE(said.listener);
  EXPECT_FALSE(said.backend);
  EXPECT_EQ(said.reasons.back(),
            "the service is local: left to the kernel of this host (sent_local)");
  EXPECT_EQ(explain(snapshot, tuple_to("203.0.113.10", 81), {}).reasons.back(),
            "the services on 203.0.113.10 are local: left to the kernel");
}

TEST(Explain, LocalRangesAreTheKernels) {
  Config config = sample_config({.forward = Forward::local});
  config.services[0].ports = {PortRange{Port(80), Port(89)}};
  const Explanation said = explain(compiled(config), tuple_to("203.0.113.10", 81), {});
  EXPECT_FALSE(said.listener) << "they are not looked for";
  EXPECT_EQ(said.reasons.back(), "the services on 203.0.113.10 are local: left to the kernel");
}

TEST(Explain, TellsTheServicesOwnSizes) {
  Config config = sample_config({.backends = 1});
  config.services[0].mtu_bytes = 1'400;
  config.services[0].mss_clamp = MssClamp::parse("auto").value();
  const std::string said = all_reasons(explain(compiled(config), tuple_to("203.0.113.10", 80), {}));
  EXPECT_NE(said.find("MTU 1500\nthe service's mtu makes that 1400\n"), std::string::npos) << said;
  EXPECT_NE(said.find("a SYN's segment size becomes 1340 where it is larger"), std::string::npos)
      << said;
}

}  // namespace
}  // namespace sluice
