#include "core/config/validate_forward.h"

#include <functional>
#include <gtest/gtest.h>

#include "tests/core/sample_config.h"

namespace sluice {
namespace {

using test::ip;
using test::sample_config;

std::string text_of(const std::vector<ConfigError>& errors) {
  std::string out;
  for (const ConfigError& error : errors)
    out += error.path + ": " + error.what + ": " + error.remedy + "\n";
  return out;
}

// The one error of this configuration; its path.
std::string only_error(const Config& config) {
  const auto errors = validate(config);
  if (errors.size() != 1) return std::to_string(errors.size()) + " errors\n" + text_of(errors);
  return errors[0].path;
}

std::string after(const test::ServiceSpec& spec, const std::function<void(Config&)>& change) {
  Config config = sample_config(spec);
  change(config);
  return only_error(config);
}

TEST(ValidateForward, AcceptsWhatIsRight) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const Forward forward : {Forward::l3dsr, Forward::local})
      EXPECT_EQ(text_of(validate(sample_config(
                    {.forward = forward, .vip_family = family, .backend_family = family}))),
                "");
  EXPECT_EQ(
      text_of(validate(sample_config(
          {.forward = Forward::nat, .vip_family = Family::ipv6, .backend_family = Family::ipv4}))),
      "");
}

TEST(ValidateForward, L3dsrNeedsOneVipAndItsDscp) {
  const test::ServiceSpec l3dsr{.forward = Forward::l3dsr};
  EXPECT_EQ(after(l3dsr, [](Config& c) { c.services[0].l3dsr_dscp = 0; }), "service[0].l3dsr_dscp");
  EXPECT_EQ(after(l3dsr, [](Config& c) { c.services[0].l3dsr_dscp = 64; }),
            "service[0].l3dsr_dscp");
  EXPECT_EQ(after(l3dsr, [](Config& c) { c.services[0].vips.push_back(ip("203.0.113.11")); }),
            "service[0].vip[1]");
  EXPECT_EQ(
      after(l3dsr, [](Config& c) { c.services[0].backends[1].address = ip("2001:db8:1::1"); }),
      "service[0].backend[1].address");
  EXPECT_EQ(after(l3dsr, [](Config& c) { c.services[0].backends[1].port = Port(81); }),
            "service[0].backend[1].port");
  EXPECT_EQ(after({}, [](Config& c) { c.services[0].l3dsr_dscp = 5; }), "service[0].l3dsr_dscp");
}

TEST(ValidateForward, OneDscpMeansOneVipAtEachServer) {
  const auto second = [](std::uint8_t dscp, const char* vip) {
    return [dscp, vip](Config& config) {
      ServiceConfig other = config.services[0];
      other.name = "other";
      other.vips = {ip(vip)};
      other.ports = {Port(81)};
      other.l3dsr_dscp = dscp;
      config.services.push_back(other);
    };
  };
  const test::ServiceSpec l3dsr{.forward = Forward::l3dsr};
  Config config = sample_config(l3dsr);
  second(5, "203.0.113.11")(config);
  EXPECT_EQ(text_of(validate(config)),
            "service[1].l3dsr_dscp: DSCP 5 means vip 203.0.113.10 of service \"web\" to backend "
            "10.0.1.1 already: write a number of its own for each vip: the server tells them apart "
            "by nothing else\n");
  for (ServiceConfig& service : config.services)
    for (BackendConfig& backend : service.backends)
      if (service.name == "other") backend.address = ip("10.0.2." + backend.name.substr(1));
  EXPECT_EQ(text_of(validate(config)), "") << "other servers";
  EXPECT_EQ(after(l3dsr, second(6, "203.0.113.11")), "0 errors\n") << "another DSCP";
  EXPECT_EQ(after(l3dsr, second(5, "203.0.113.10")), "0 errors\n") << "the same VIP";
}

TEST(ValidateForward, LocalHasNothingBehindIt) {
  const test::ServiceSpec local{.forward = Forward::local};
  EXPECT_EQ(after(local,
                  [](Config& c) {
                    BackendConfig backend;
                    backend.name = "b1";
                    backend.address = ip("10.0.1.1");
                    c.services[0].backends.push_back(backend);
                  }),
            "service[0].backend[0]");
  EXPECT_EQ(after(local, [](Config& c) { c.services[0].health.type = ProbeType::tcp; }),
            "service[0].health");
  EXPECT_EQ(after(local, [](Config& c) { c.services[0].mtu_bytes = 1'400; }), "service[0].mtu");
  EXPECT_EQ(after(local, [](Config& c) { c.services[0].mss_clamp = *MssClamp::parse("auto"); }),
            "service[0].mss_clamp");
  EXPECT_EQ(after(local, [](Config& c) { c.ports[0].kernel_tap = false; }), "service[0].forward");
}

TEST(ValidateForward, AVipIsTheKernelsOrOurs) {
  Config config = sample_config({.forward = Forward::local});
  ServiceConfig other = test::sample_service({.name = "other"});
  other.ports = {Port(81)};
  config.services.push_back(other);
  EXPECT_EQ(only_error(config), "service[0].vip[0]");
  config.services[1].vips = {ip("203.0.113.11")};
  EXPECT_EQ(text_of(validate(config)), "");
  config.services[1] = test::sample_service({.name = "other", .forward = Forward::local});
  config.services[1].ports = {Port(81)};
  EXPECT_EQ(text_of(validate(config)), "");
}

TEST(ValidateForward, NatMixesIpv6VipsWithIpv4ServersOnly) {
  const test::ServiceSpec nat64{
      .forward = Forward::nat, .vip_family = Family::ipv6, .backend_family = Family::ipv4};
  EXPECT_EQ(after(nat64, [](Config& c) { c.services[0].vips.push_back(ip("203.0.113.10")); }),
            "service[0].vip[1]");
  EXPECT_EQ(after(nat64, [](Config& c) { c.services[0].source_pool.push_back(ip("2001:db8::9")); }),
            "service[0].source_pool[1]");
  EXPECT_EQ(
      after(nat64, [](Config& c) { c.services[0].backends[2].address = ip("2001:db8:1::3"); }),
      "service[0].backend[2].address");
  const test::ServiceSpec nat4{.forward = Forward::nat};
  EXPECT_EQ(after(nat4, [](Config& c) { c.services[0].source_pool = {ip("2001:db8::9")}; }),
            "service[0].source_pool[0]");
}

TEST(ValidateForward, SizesLeaveRoomForWhatClientsMayAlwaysSend) {
  const auto least = [](const test::ServiceSpec& spec) {
    Config config = sample_config(spec);
    for (std::uint16_t mtu = 500; mtu < 1'500; ++mtu) {
      config.services[0].mtu_bytes = mtu;
      if (validate(config).empty()) return mtu;
    }
    return std::uint16_t{0};
  };
  using enum Forward;
  constexpr Family v4 = Family::ipv4, v6 = Family::ipv6;
  EXPECT_EQ(least({.forward = l2dsr}), 576);
  EXPECT_EQ(least({.forward = ipip}), 576 + 20);
  EXPECT_EQ(least({.forward = l2dsr, .vip_family = v6, .backend_family = v6}), 1'280);
  EXPECT_EQ(least({.forward = gre, .vip_family = v6, .backend_family = v6}), 1'280 + 44);
  EXPECT_EQ(least({.forward = gue, .vip_family = v6, .backend_family = v4}), 1'280 + 28);
  EXPECT_EQ(least({.forward = ipip, .vip_family = v4, .backend_family = v6}), 1'280);
  EXPECT_EQ(least({.forward = nat, .vip_family = v6, .backend_family = v4}), 1'260);
  EXPECT_EQ(after({}, [](Config& c) { c.services[0].mtu_bytes = 595; }), "service[0].mtu");
}

TEST(ValidateForward, SegmentSizes) {
  EXPECT_EQ(after({}, [](Config& c) { c.services[0].mss_clamp = {MssClamp::Kind::fixed, 535}; }),
            "service[0].mss_clamp");
  EXPECT_EQ(after({.protocol = Protocol::udp},
                  [](Config& c) { c.services[0].mss_clamp = *MssClamp::parse("auto"); }),
            "service[0].mss_clamp");
  EXPECT_FALSE(MssClamp::parse("535"));
  EXPECT_FALSE(MssClamp::parse("65496"));
  EXPECT_FALSE(MssClamp::parse("1400 "));
  EXPECT_FALSE(MssClamp::parse(""));
  for (const char* text : {"off", "auto", "536", "65495"})
    EXPECT_EQ(MssClamp::parse(text).value().text(), text);
}

}  // namespace
}  // namespace sluice
