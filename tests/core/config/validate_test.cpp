#include <functional>
#include <gtest/gtest.h>

#include "core/config/config.h"
#include "tests/core/sample_config.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using test::ip;

// Two services to start from: "web" in tunnels, "dns" by NAT.
Config good_config() {
  Config config = test::sample_config();
  config.services[0].health.type = ProbeType::http;
  ServiceConfig dns =
      test::sample_service({.name = "dns", .forward = Forward::nat, .protocol = Protocol::udp});
  dns.ports = {Port(53)};
  config.services.push_back(dns);
  return config;
}

std::string paths_of(const std::vector<ConfigError>& errors) {
  std::string out;
  for (const ConfigError& error : errors) out += error.path + " (" + error.what + ") ";
  return out;
}

struct Mistake {
  const char* path;  // of the one error that it must cause
  std::function<void(Config&)> make;
};

// Each mistake alone: exactly one error, at its place, with words and a remedy.
void expect_one_error_each(const std::vector<Mistake>& mistakes) {
  for (const Mistake& mistake : mistakes) {
    Config config = good_config();
    mistake.make(config);
    const auto errors = validate(config);
    ASSERT_EQ(errors.size(), 1U) << "for " << mistake.path << ": " << paths_of(errors);
    EXPECT_EQ(errors[0].path, mistake.path) << errors[0].what;
    EXPECT_FALSE(errors[0].what.empty());
    EXPECT_FALSE(errors[0].remedy.empty());
  }
}

TEST(Validate, AcceptsWhatIsRight) {
  EXPECT_EQ(paths_of(validate(good_config())), "");
  for (const Forward forward :
       {Forward::ipip, Forward::l2dsr, Forward::nat, Forward::gue, Forward::gre})
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      const test::ServiceSpec spec{
          .forward = forward, .vip_family = family, .backend_family = family};
      EXPECT_EQ(paths_of(validate(test::sample_config(spec))), "");
    }
}

TEST(Validate, WhatIsDoneToTcpNeedsNatAndTcp) {
  Config good = good_config();
  good.services[1].protocol = Protocol::tcp;
  good.services[1].proxy_protocol = ProxyProtocol::v2;
  good.services[1].syn_cookies = SynCookies::always;
  EXPECT_EQ(paths_of(validate(good)), "");
  expect_one_error_each({
      {"service[0].proxy_protocol",
       [](Config& config) { config.services[0].proxy_protocol = ProxyProtocol::v2; }},
      {"service[1].proxy_protocol",
       [](Config& config) { config.services[1].proxy_protocol = ProxyProtocol::v2; }},
      {"service[0].syn_cookies",
       [](Config& config) { config.services[0].syn_cookies = SynCookies::automatic; }},
      {"service[1].syn_cookies",
       [](Config& config) { config.services[1].syn_cookies = SynCookies::always; }},
      {"service[1].syn_cookies",
       [](Config& config) {
         config.services[1].protocol = Protocol::tcp;
         config.services[1].syn_cookies = SynCookies{9};
       }},
  });
}

TEST(Validate, Dataplane) {
  expect_one_error_each({
      {"dataplane.memory", [](Config& c) { c.dataplane.memory_mib = 63; }},
      {"dataplane.memory", [](Config& c) { c.dataplane.memory_mib = 1'048'577; }},
      {"dataplane.flows_max", [](Config& c) { c.dataplane.flows_max = 1'023; }},
      {"dataplane.cores[2]", [](Config& c) { c.dataplane.cores = {1, 2, 1}; }},
      {"dataplane.cores",
       [](Config& c) {
         for (std::uint16_t i = 0; i < 65; ++i) c.dataplane.cores.push_back(i);
       }},
      {"dataplane.hugepages", [](Config& c) { c.dataplane.hugepages = Hugepages{9}; }},
  });
}

TEST(Validate, Ports) {
  const PortConfig second{.name = "lan0", .driver = Driver::vdev, .device = "net_null1"};
  expect_one_error_each({
      {"port", [](Config& c) { c.ports.clear(); }},
      {"port[0].name", [](Config& c) { c.ports[0].name = ""; }},
      {"port[0].name", [](Config& c) { c.ports[0].name = "wan 0"; }},
      {"port[0].name", [](Config& c) { c.ports[0].name = std::string(64, 'x'); }},
      {"port[0].device", [](Config& c) { c.ports[0].device = ""; }},
      {"port[0].queues", [](Config& c) { c.ports[0].queues = 0; }},
      {"port[0].queues", [](Config& c) { c.ports[0].queues = 65; }},
      {"port[0].driver", [](Config& c) { c.ports[0].driver = Driver{77}; }},
      {"port[0].device",
       [](Config& c) {
         c.ports[0].driver = Driver::af_xdp;
         c.ports[0].device = "a-name-of-16-chr";
       }},
      {"port[0].kernel_tap",
       [](Config& c) {
         c.ports[0].driver = Driver::tap;
         c.ports[0].kernel_tap = true;
       }},
      {"port[0].name",
       [](Config& c) {
         c.ports[0].kernel_tap = true;
         c.ports[0].name = "a-name-of-16-chr";
       }},
      {"port[1].name",
       [&](Config& c) {
         c.ports.push_back(second);
         c.ports[1].name = "wan0";
       }},
      {"port[1].device",
       [&](Config& c) {
         c.ports.push_back(second);
         c.ports[1].device = "net_null0";
       }},
  });
}

TEST(Validate, Services) {
  expect_one_error_each({
      {"service[0].name", [](Config& c) { c.services[0].name = ""; }},
      {"service[1].name", [](Config& c) { c.services[1].name = "web"; }},
      {"service[0].vip", [](Config& c) { c.services[0].vips.clear(); }},
      {"service[0].port", [](Config& c) { c.services[0].ports.clear(); }},
      {"service[0].port[1]", [](Config& c) { c.services[0].ports = {Port(80), Port(0)}; }},
      {"service[0].vip[0]", [](Config& c) { c.services[0].vips = {ip("224.0.0.1")}; }},
      {"service[0].vip[0]", [](Config& c) { c.services[0].vips = {ip("::1")}; }},
      {"service[0].vip[1]", [](Config& c) { c.services[0].vips.push_back(ip("203.0.113.10")); }},
      {"service[0].slots", [](Config& c) { c.services[0].slots = 1'022; }},
      {"service[0].slots", [](Config& c) { c.services[0].slots = 241; }},
      {"service[0].idle_timeout", [](Config& c) { c.services[0].idle_timeout = 999ms; }},
      {"service[0].idle_timeout", [](Config& c) { c.services[0].idle_timeout = 9h; }},
      {"service[0]", [](Config& c) { c.services[0].backends.clear(); }},
      {"service[0].balance", [](Config& c) { c.services[0].balance = Balance{5}; }},
      {"service[0].forward", [](Config& c) { c.services[0].forward = Forward{99}; }},
      {"service[0].protocol", [](Config& c) { c.services[0].protocol = Protocol{5}; }},
  });
}

TEST(Validate, OverlapNamesTheSecondServiceAndSaysTheFirst) {
  Config config = good_config();
  config.services[1].protocol = Protocol::tcp;
  config.services[1].ports = {Port(79), Port(80)};
  const auto errors = validate(config);
  ASSERT_EQ(errors.size(), 1U) << paths_of(errors);
  EXPECT_EQ(errors[0].path, "service[1].vip[0]");
  EXPECT_EQ(errors[0].what, "203.0.113.10:80/tcp belongs to service \"web\" already");
}

TEST(Validate, Backends) {
  expect_one_error_each({
      {"service[0].backend[1].name", [](Config& c) { c.services[0].backends[1].name = "b1"; }},
      {"service[0].backend[0].name", [](Config& c) { c.services[0].backends[0].name = "b/1"; }},
      {"service[0].backend[0].weight", [](Config& c) { c.services[0].backends[0].weight = 1'001; }},
      {"service[0].backend[0].port",
       [](Config& c) { c.services[0].backends[0].port = Port(8'080); }},
      {"service[0].backend[2].address",
       [](Config& c) { c.services[0].backends[2].address = ip("0.0.0.0"); }},
      {"service[0].backend[2].address",
       [](Config& c) { c.services[0].backends[2].address = ip("127.0.0.1"); }},
      {"service[0].backend[2].address",
       [](Config& c) { c.services[0].backends[2].address = ip("203.0.113.10"); }},
  });
}

TEST(Validate, Nat) {
  expect_one_error_each({
      {"service[1].source_pool", [](Config& c) { c.services[1].source_pool.clear(); }},
      {"service[0].source_pool", [](Config& c) { c.services[0].source_pool = {ip("10.0.1.9")}; }},
      {"service[1].source_pool[1]",
       [](Config& c) { c.services[1].source_pool.push_back(ip("2001:db8::9")); }},
      {"service[1].source_pool[1]",
       [](Config& c) { c.services[1].source_pool.push_back(ip("224.0.0.9")); }},
      {"service[1].backend[0].address",
       [](Config& c) { c.services[1].backends[0].address = ip("2001:db8::9"); }},
      {"service[1].vip[1]", [](Config& c) { c.services[1].vips.push_back(ip("2001:db8::10")); }},
      {"service[1].source_pool[0]",
       [](Config& c) { c.services[1].source_pool = {ip("203.0.113.10")}; }},
  });
}

TEST(Validate, Gue) {
  const auto gue = [](const char* path, std::function<void(ServiceConfig&)> change) {
    return Mistake{path, [change](Config& c) {
                     c.services[0].forward = Forward::gue;
                     change(c.services[0]);
                   }};
  };
  expect_one_error_each({
      gue("service[0].gue_variant", [](ServiceConfig& s) { s.gue_variant = 2; }),
      gue("service[0].gue_port", [](ServiceConfig& s) { s.gue_port = Port(0); }),
      gue("service[0].backend[1].port", [](ServiceConfig& s) { s.backends[1].port = Port(81); }),
      {"service[0].gue_variant", [](Config& c) { c.services[0].gue_variant = 0; }},
      {"service[1].gue_port", [](Config& c) { c.services[1].gue_port = Port(5'555); }},
  });
}

TEST(Validate, Tunnel) {
  const auto source = [](std::size_t service, const char* text) {
    return Mistake{service == 0 ? "service[0].tunnel_source" : "service[1].tunnel_source",
                   [service, text](Config& c) {
                     c.services[service].tunnel_source = TunnelSource::parse(text).value();
                   }};
  };
  expect_one_error_each({
      source(0, "2001:db8:1::/64"),
      source(0, "2001:db8::1"),
      source(0, "0.0.0.0/8"),
      source(0, "127.0.0.0/8"),
      source(0, "224.0.0.0/8"),
      source(0, "16.0.0.0/7"),
      source(1, "10.0.1.1"),
      {"service[0].tunnel_ttl", [](Config& c) { c.services[0].tunnel_ttl = 0; }},
      {"service[1].tunnel_ttl", [](Config& c) { c.services[1].tunnel_ttl = 1; }},
      {"service[0].tunnel_dscp", [](Config& c) { c.services[0].tunnel_dscp.value = 64; }},
      {"service[1].tunnel_dscp", [](Config& c) { c.services[1].tunnel_dscp.value = 0; }},
  });
  Config config = good_config();
  for (const char* text : {"10.0.1.1", "198.18.0.0/16", "16.0.0.0/8", "route"}) {
    config.services[0].tunnel_source = TunnelSource::parse(text).value();
    EXPECT_EQ(paths_of(validate(config)), "") << text;
    EXPECT_EQ(config.services[0].tunnel_source.text(), text);
  }
}

TEST(Validate, Health) {
  const auto health = [](const char* path, std::function<void(HealthConfig&)> change) {
    return Mistake{path, [change](Config& c) { change(c.services[0].health); }};
  };
  expect_one_error_each({
      health("service[0].health.interval", [](HealthConfig& h) { h.interval = h.timeout = 49ms; }),
      health("service[0].health.interval", [](HealthConfig& h) { h.interval = 61min; }),
      health("service[0].health.timeout", [](HealthConfig& h) { h.timeout = 1'001ms; }),
      health("service[0].health.timeout", [](HealthConfig& h) { h.timeout = 0ms; }),
      health("service[0].health.rise", [](HealthConfig& h) { h.rise = 0; }),
      health("service[0].health.fall", [](HealthConfig& h) { h.fall = 101; }),
      health("service[0].health.path", [](HealthConfig& h) { h.path = "healthz"; }),
      health("service[0].health.path", [](HealthConfig& h) { h.path = "/a b"; }),
      health("service[0].health.path", [](HealthConfig& h) { h.path = "/\r\nHost: x"; }),
      health("service[0].health.host", [](HealthConfig& h) { h.host = "a\r\nb"; }),
      health("service[0].health.status", [](HealthConfig& h) { h.status_min = 400; }),
      health("service[0].health.status", [](HealthConfig& h) { h.status_max = 600; }),
      health("service[0].health.type", [](HealthConfig& h) { h.type = ProbeType{9}; }),
  });
}

TEST(Validate, FindsEveryMistakeAtOnce) {
  Config config = good_config();
  config.ports[0].queues = 0;
  config.services[0].slots = 4;
  config.services[1].source_pool.clear();
  EXPECT_EQ(validate(config).size(), 3U) << paths_of(validate(config));
}

// What a decoder may hand over: numbers that are no enumerator. No message may read past the names.
TEST(Validate, SurvivesUnknownEnumeratorsEverywhere) {
  for (unsigned value = 0; value < 256; ++value) {
    Config config = good_config();
    for (ServiceConfig& service : config.services) {
      service.forward = static_cast<Forward>(value);
      service.protocol = static_cast<Protocol>(value);
      service.balance = static_cast<Balance>(value);
      service.health.type = static_cast<ProbeType>(value);
      service.backends[0].port = Port(8'080);
    }
    config.ports[0].driver = static_cast<Driver>(value);
    config.ports[0].kernel_tap = true;
    EXPECT_FALSE(validate(config).empty()) << value;
  }
}

}  // namespace
}  // namespace sluice
