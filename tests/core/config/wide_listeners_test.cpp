#include "core/config/wide_listeners.h"

#include <gtest/gtest.h>
#include <random>

#include "tests/core/sample_config.h"

// What services may listen on: the settings, their order, and which combinations are refused.

namespace sluice {
namespace {

using test::ip;
using test::sample_config;

Listening listening(std::string_view vip, std::string_view ports, Protocol protocol) {
  return {VipBlock::parse(vip).value(), PortRange::parse(ports).value(), protocol};
}

TEST(Listening, SettingsReadAsTheyAreWritten) {
  for (const char* text : {"80", "1", "65535", "8000-8999", "1-65535", "any"})
    EXPECT_EQ(PortRange::parse(text)->text(), text);
  for (const char* text : {"", "0", "0-9", "9-8", "-", "1-", "-1", "1-2-3", "65536", "Any", "1 -2"})
    EXPECT_FALSE(PortRange::parse(text)) << text;
  EXPECT_EQ(PortRange::parse("7-7")->text(), "7");
  for (const char* text : {"203.0.113.10", "203.0.113.0/28", "2001:db8::1", "2001:db8::/64"})
    EXPECT_EQ(VipBlock::parse(text)->text(), text);
  EXPECT_EQ(VipBlock::parse("203.0.113.10/32")->text(), "203.0.113.10");
  EXPECT_FALSE(VipBlock::parse("203.0.113.1/28")) << "host bits";
  EXPECT_EQ(listening("2001:db8::/64", "8000-8999", Protocol::udp).text(),
            "[2001:db8::/64]:8000-8999/udp");
  EXPECT_EQ(listening("203.0.113.10", "any", Protocol::any).text(), "203.0.113.10/any");
}

TEST(WideListeners, TheMostSpecificWins) {
  const WideListeners table({{listening("203.0.113.0/24", "any", Protocol::tcp), 1},
                             {listening("203.0.113.0/24", "8000-8999", Protocol::tcp), 2},
                             {listening("203.0.113.0/24", "8080", Protocol::tcp), 3},
                             {listening("203.0.113.0/24", "any", Protocol::any), 4},
                             {listening("203.0.113.16/28", "any", Protocol::any), 5},
                             {listening("203.0.113.16/28", "443", Protocol::tcp), 6},
                             {listening("2001:db8::/64", "any", Protocol::sctp), 7}});
  const auto find = [&](const char* vip, std::uint16_t port, Protocol protocol) {
    return table.find(ip(vip), Port(port), protocol).value_or(0);
  };
  EXPECT_EQ(find("203.0.113.1", 80, Protocol::tcp), 1);
  EXPECT_EQ(find("203.0.113.1", 8'000, Protocol::tcp), 2);
  EXPECT_EQ(find("203.0.113.1", 8'999, Protocol::tcp), 2);
  EXPECT_EQ(find("203.0.113.1", 8'080, Protocol::tcp), 3);
  EXPECT_EQ(find("203.0.113.1", 9'000, Protocol::tcp), 1);
  EXPECT_EQ(find("203.0.113.1", 0, Protocol::tcp), 1);
  EXPECT_EQ(find("203.0.113.1", 80, Protocol::udp), 4);
  EXPECT_EQ(find("203.0.113.1", 80, Protocol::any), 4) << "a packet without ports";
  EXPECT_EQ(find("203.0.113.17", 443, Protocol::tcp), 6);
  EXPECT_EQ(find("203.0.113.17", 8'080, Protocol::tcp), 5) << "the prefix before the protocol";
  EXPECT_EQ(find("203.0.114.1", 80, Protocol::tcp), 0);
  EXPECT_EQ(find("2001:db8::5", 9, Protocol::sctp), 7);
  EXPECT_EQ(find("2001:db8::5", 9, Protocol::tcp), 0);
  EXPECT_TRUE(table.covers(ip("203.0.113.255")));
  EXPECT_FALSE(table.covers(ip("2001:db8:0:1::")));
  EXPECT_TRUE(WideListeners().empty());
  EXPECT_FALSE(WideListeners().find(ip("203.0.113.1"), Port(80), Protocol::tcp));
}

// The order, spelt out: against every claim in turn.
bool is_better(const Listening& a, const Listening& b) {
  if (a.vips.prefix.length_bits != b.vips.prefix.length_bits)
    return a.vips.prefix.length_bits > b.vips.prefix.length_bits;
  if ((a.protocol == Protocol::any) != (b.protocol == Protocol::any))
    return b.protocol == Protocol::any;
  return a.ports.last.value() - a.ports.first.value() <
         b.ports.last.value() - b.ports.first.value();
}

TEST(WideListeners, AgreesWithAnExhaustiveSearch) {
  std::mt19937_64 random(20);
  const auto some_address = [&] {
    return Address::from_ipv4(
        Be32::from_host(0xcb007100 | static_cast<std::uint32_t>(random() % 64)));
  };
  constexpr Protocol protocols[] = {Protocol::tcp, Protocol::udp, Protocol::any};
  for (int round = 0; round < 300; ++round) {
    std::vector<WideListeners::Claim> claims;
    for (std::uint16_t id = 0; id < 30; ++id) {
      Listening what{
          VipBlock(Prefix::around(some_address(), static_cast<std::uint8_t>(26 + random() % 7))),
          PortRange::any(), protocols[random() % 3]};
      // Blocks of ports like those of addresses: they lie inside each other or apart.
      const unsigned size = 1U << random() % 17;
      const auto first = static_cast<std::uint16_t>(random() % 65'536 / size * size);
      if (what.protocol != Protocol::any)
        what.ports = {Port(first), Port(static_cast<std::uint16_t>(first + size - 1))};
      const bool is_new = std::ranges::none_of(
          claims, [&](const WideListeners::Claim& other) { return other.what == what; });
      if (is_new) claims.push_back({what, id});
    }
    const WideListeners table(claims);
    for (int i = 0; i < 300; ++i) {
      const Address vip = some_address();
      const PortRange& near = claims[random() % claims.size()].what.ports;
      const Port port = random() % 2 == 0 ? near.first : near.last;
      const Protocol protocol = protocols[random() % 3];
      const WideListeners::Claim* best = nullptr;
      for (const WideListeners::Claim& claim : claims) {
        const bool takes = claim.what.vips.prefix.contains(vip) &&
                           (claim.what.protocol == Protocol::any ||
                            (claim.what.protocol == protocol && claim.what.ports.contains(port)));
        if (takes && (best == nullptr || is_better(claim.what, best->what))) best = &claim;
      }
      const auto found = table.find(vip, port, protocol);
      ASSERT_EQ(found.has_value(), best != nullptr);
      ASSERT_TRUE(!found || *found == best->id) << best->what.text();
    }
  }
}

TEST(WideListeners, ExactListenersStayInTheirTable) {
  Config config = sample_config();
  config.services[0].ports = {Port(80), PortRange(Port(8'000), Port(8'999))};
  config.services[0].vips.push_back(VipBlock::parse("203.0.113.32/28").value());
  const Snapshot snapshot = test::compiled(config);
  EXPECT_NE(snapshot.vips.find(ip("203.0.113.10"), Be16::from_host(80), Protocol::tcp), nullptr);
  EXPECT_EQ(snapshot.vips.find(ip("203.0.113.10"), Be16::from_host(8'000), Protocol::tcp), nullptr);
  EXPECT_EQ(snapshot.vips.find(ip("203.0.113.32")), nullptr) << "only one of sixteen";
  for (const auto& [vip, port, text] :
       {std::tuple{"203.0.113.10", 80, "203.0.113.10:80/tcp"},
        std::tuple{"203.0.113.10", 8'000, "203.0.113.10:8000-8999/tcp"},
        std::tuple{"203.0.113.47", 80, "203.0.113.32/28:80/tcp"},
        std::tuple{"203.0.113.47", 8'999, "203.0.113.32/28:8000-8999/tcp"}}) {
    const auto id =
        snapshot.listener_of(ip(vip), Port(static_cast<std::uint16_t>(port)), Protocol::tcp);
    ASSERT_TRUE(id) << text;
    EXPECT_EQ(snapshot.listener(*id).listening().text(), text);
  }
  EXPECT_FALSE(snapshot.listener_of(ip("203.0.113.48"), Port(80), Protocol::tcp));
}

TEST(WideListeners, KeepTheirNumbers) {
  Config config = sample_config();
  config.services[0].ports = {PortRange(Port(8'000), Port(8'999)), PortRange::any()};
  const Snapshot before = test::compiled(config);
  std::swap(config.services[0].ports[0], config.services[0].ports[1]);
  const Snapshot after = test::compiled(config, {}, &before);
  for (const std::uint16_t port : std::to_array<std::uint16_t>({80, 8'080}))
    EXPECT_EQ(after.listener_of(ip("203.0.113.10"), Port(port), Protocol::tcp),
              before.listener_of(ip("203.0.113.10"), Port(port), Protocol::tcp));
}

// --- What is refused: the path of the one error, and a word of it.

Config two_services() {
  Config config = sample_config();
  config.services.push_back(test::sample_service({.name = "other"}));
  config.services[1].ports = {Port(81)};
  return config;
}

void expect_error(const Config& config, std::string_view path, std::string_view word) {
  const auto errors = validate(config);
  ASSERT_EQ(errors.size(), 1U) << path << " " << word;
  EXPECT_EQ(errors[0].path, path);
  EXPECT_NE(errors[0].what.find(word), std::string::npos) << errors[0].what;
  EXPECT_FALSE(errors[0].remedy.empty());
}

TEST(ValidateListening, OverlapsAreAllowedWhereOneIsMoreSpecific) {
  Config config = two_services();
  config.services[0].ports = {PortRange(Port(8'000), Port(8'999)), Port(80)};
  config.services[1].ports = {PortRange(Port(8'100), Port(8'199)), PortRange::any(), Port(8'500)};
  EXPECT_TRUE(validate(config).empty());
  config.services[1].vips = {VipBlock::parse("203.0.113.0/24").value()};
  EXPECT_TRUE(validate(config).empty());
  config.services[1].protocol = Protocol::any;
  config.services[1].ports.clear();
  EXPECT_TRUE(validate(config).empty());
}

TEST(ValidateListening, TheSameTwiceOrOverlappingInPartIsRefused) {
  Config config = two_services();
  config.services[0].ports = config.services[1].ports = {PortRange(Port(8'000), Port(8'999))};
  expect_error(config, "service[1].vip[0]",
               "203.0.113.10:8000-8999/tcp belongs to service \"web\"");
  config.services[1].ports = {PortRange(Port(8'500), Port(9'000))};
  expect_error(config, "service[1].vip[0]", "overlap in part");
  config.services[1].vips = {ip("203.0.113.11")};
  EXPECT_TRUE(validate(config).empty());
}

TEST(ValidateListening, AVipPrefixHoldsNoOtherRole) {
  Config config = two_services();
  config.services[1].vips = {VipBlock::parse("10.0.1.0/30").value()};
  config.services[0].backends.resize(1);
  config.services[1].backends.resize(1);
  config.services[1].backends[0].address = ip("10.0.9.1");
  expect_error(config, "service[0].backend[0].address", "10.0.1.1 is a VIP");
  config.services[1].vips = {VipBlock::parse("8.0.0.0/7").value()};
  expect_error(config, "service[1].vip[0]", "too large a prefix");
}

TEST(ValidateListening, AnyProtocolHasNoPortsAndNeedsPorts) {
  Config config = sample_config();
  config.services[0].protocol = Protocol::any;
  expect_error(config, "service[0].port", "every packet");
  config.services[0].ports.clear();
  EXPECT_TRUE(validate(config).empty());
  config.services[0].health.type = ProbeType::tcp;
  expect_error(config, "service[0].health.port", "does not say to which port");
  config.services[0].health.port = Port(80);
  EXPECT_TRUE(validate(config).empty());
}

TEST(ValidateListening, AProbeNeedsAPort) {
  Config config = sample_config();
  config.services[0].health.type = ProbeType::http;
  config.services[0].ports = {PortRange(Port(8'000), Port(8'999))};
  expect_error(config, "service[0].health.port", "8000-8999");
  config.services[0].ports = {Port(8'000)};
  config.services[0].protocol = Protocol::sctp;
  expect_error(config, "service[0].health.port", "sctp");
}

TEST(ValidateListening, WhatNatCannotDo) {
  Config config = sample_config({.forward = Forward::nat});
  ServiceConfig& service = config.services[0];
  service.ports = {PortRange(Port(8'000), Port(8'999))};
  EXPECT_TRUE(validate(config).empty()) << "the port is kept";
  service.backends[1].port = Port(80);
  expect_error(config, "service[0].backend[1].port", "range");
  service.backends[1].port = {};
  service.vips = {VipBlock::parse("203.0.113.0/28").value()};
  expect_error(config, "service[0].vip[0]", "prefix");
  service.vips = {ip("203.0.113.10")};
  service.protocol = Protocol::any;
  service.ports.clear();
  expect_error(config, "service[0].protocol", "needs ports");
}

}  // namespace
}  // namespace sluice
