#include "tests/fuzz/services.h"

#include "tests/core/sample_config.h"

namespace sluice::test {
namespace {

constexpr Family families[] = {Family::ipv4, Family::ipv6};

struct Ends {
  Family vip = Family::ipv4;
  Family backend = Family::ipv4;
};

Config config_of(Forward forward, Ends ends, Protocol protocol) {
  return sample_config({.forward = forward,
                        .vip_family = ends.vip,
                        .backend_family = ends.backend,
                        .protocol = protocol,
                        .backends = 1,
                        .slots = 251});
}

class Services {
 public:
  Services() {
    for (const Family vip : families) {
      for (const Forward forward : {Forward::ipip, Forward::gue, Forward::gre})
        for (const Family backend : families) add_plain(forward, {vip, backend});
      add_plain(Forward::l2dsr, {vip, vip});
      add_plain(Forward::nat, {vip, vip});
    }
    for (const Family vip : families) {
      add_plain(Forward::l3dsr, {vip, vip});
      add_plain(Forward::local, {vip, vip});
    }
    add_plain(Forward::nat, {Family::ipv6, Family::ipv4});
    for (const Ends ends : {Ends{}, Ends{Family::ipv6, Family::ipv6}, Ends{Family::ipv6}})
      add_translated(ends);
    for (const Family vip : families) {
      add_wide({vip, vip});
      add_guarded({vip, vip});
    }
    add_choosing();
  }
  std::vector<Snapshot> take() { return std::move(all_); }

 private:
  void add(const Config& config) { all_.push_back(compiled(config, {}, nullptr, fuzz_mtu_bytes)); }
  template <typename Change>
  void add(Forward forward, Ends ends, Protocol protocol, Change&& change) {
    Config config = config_of(forward, ends, protocol);
    change(config.services.front());
    add(config);
  }
  void add_plain(Forward forward, Ends ends) {
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
      add(config_of(forward, ends, protocol));
  }
  // Whose connections are taken up and spliced on the way.
  void add_translated(Ends ends) {
    const auto add_nat = [&](auto&& change) { add(Forward::nat, ends, Protocol::tcp, change); };
    const bool is_nat64 = ends.vip != ends.backend;
    if (!is_nat64) {
      add_nat([](ServiceConfig& service) { service.proxy_protocol = ProxyProtocol::v2; });
      add_nat([](ServiceConfig& service) { service.syn_cookies = SynCookies::always; });
      add_nat([](ServiceConfig& service) {
        service.proxy_protocol = ProxyProtocol::v2;
        service.syn_cookies = SynCookies::always;
      });
      add(Forward::nat, ends, Protocol::sctp, [](ServiceConfig&) {});
    }
    add_nat([](ServiceConfig& service) {
      service.mtu_bytes = 1'280;
      service.mss_clamp = {MssClamp::Kind::automatic};
      service.on_death = OnDeath::reset;
    });
  }
  void add_wide(Ends ends) {
    for (const Forward forward : {Forward::ipip, Forward::gue, Forward::l2dsr}) {
      for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp})
        add(forward, ends, protocol,
            [](ServiceConfig& service) { service.ports = {PortRange::any()}; });
      add(forward, ends, Protocol::any, [](ServiceConfig& service) { service.ports.clear(); });
    }
    add(Forward::nat, ends, Protocol::tcp,
        [](ServiceConfig& service) { service.ports = {PortRange(Port(1), Port(9'999))}; });
  }
  void add_guarded(Ends ends) {
    add(Forward::ipip, ends, Protocol::udp, [](ServiceConfig& service) {
      service.deny = {*AccessItem::parse("198.51.100.0/28"), *AccessItem::parse("2001:db8:c::/64")};
      service.source_packets_per_second = 2;
      service.source_connections = 2;
      service.source_connections_per_second = 1;
    });
  }
  void add_choosing() {
    add(Forward::ipip, {}, Protocol::udp, [](ServiceConfig& service) {
      QuicLbConfig quic;
      quic.server_id_length = 3;
      quic.nonce_length = 4;
      service.quic_lb = {quic};
      service.backends[0].quic_server_ids = {*QuicServerId::parse("000001")};
    });
    add(Forward::ipip, {}, Protocol::udp,
        [](ServiceConfig& service) { service.one_packet = true; });
    add(Forward::gre, {}, Protocol::tcp, [](ServiceConfig& service) {
      service.backends[0].max_connections = 1;
      service.affinity.timeout = std::chrono::seconds(10);
    });
    add(Forward::gre, {}, Protocol::tcp,
        [](ServiceConfig& service) { service.balance = Balance::weighted_least_connection; });
  }

  std::vector<Snapshot> all_;
};

}  // namespace

const std::vector<Snapshot>& fuzz_services() {
  static const std::vector<Snapshot> all = Services().take();
  return all;
}

}  // namespace sluice::test
