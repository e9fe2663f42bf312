#include <limits>
#include <toml++/toml.h>

#include "control/config/convert.h"
#include "control/config/convert_quic.h"
#include "control/config/file.h"
#include "control/config/findings.h"
#include "control/config/parse_access.h"
#include "control/config/syntax.h"
#include "control/config/table_reader.h"

namespace sluice::control {
namespace {

constexpr Range port_numbers{1, 65'535};

auto text(std::string_view example) {
  return [example](std::string_view key, const toml::node& node) {
    return to_text(key, node, example);
  };
}

auto duration(std::string_view example) {
  return [example](std::string_view key, const toml::node& node) {
    return to_duration(key, node, example);
  };
}

// `range` lies within Number's.
template <typename Number>
auto number(Range range) {
  return [range](std::string_view key, const toml::node& node) -> Converted<Number> {
    const auto value = to_number(key, node, range);
    if (!value) return std::unexpected(value.error());
    return static_cast<Number>(*value);
  };
}

void read_dataplane(TableReader& table, DataplaneConfig& out) {
  table.many("cores", out.cores, number<std::uint16_t>({0, 1'023}));
  table.one("idle", out.idle, to_enum<Idle>);
  table.one("hugepages", out.hugepages, to_hugepages);
  table.one("memory", out.memory_mib, [](std::string_view key, const toml::node& node) {
    return to_memory(key, node, {64, 1'048'576});
  });
  table.one("flows_max", out.flows_max, number<std::uint32_t>({1'024, 134'217'728}));
  table.one("hash_seed", out.hash_seed,
            number<std::uint64_t>({0, std::numeric_limits<std::int64_t>::max()}));
  table.finish();
}

void read_port(TableReader& table, PortConfig& out) {
  table.require("name", "name = \"wan0\"");
  table.one("name", out.name, text("wan0"));
  table.one("driver", out.driver, to_enum<Driver>);
  table.one("device", out.device, text("eth1"));
  table.one("queues", out.queues, number<std::uint16_t>({1, 64}));
  table.one("kernel_tap", out.kernel_tap, to_flag);
  table.finish();
}

void read_health(TableReader& table, HealthConfig& out) {
  table.require("type", "type = \"tcp\" or \"http\"");
  table.one("type", out.type, to_enum<ProbeType>);
  table.one("interval", out.interval, duration("1s"));
  table.one("timeout", out.timeout, duration("500ms"));
  table.one("rise", out.rise, number<std::uint16_t>({1, 100}));
  table.one("fall", out.fall, number<std::uint16_t>({1, 100}));
  table.one("port", out.port, number<std::uint16_t>(port_numbers));
  table.one("path", out.path, text("/healthz"));
  table.one("host", out.host, text("www.example.org"));
  StatusRange status{out.status_min, out.status_max};
  table.one("status", status, to_status);
  out.status_min = status.low;
  out.status_max = status.high;
  table.finish();
}

void read_backend(TableReader& table, BackendConfig& out) {
  table.require("name", "name = \"web1\"");
  table.one("name", out.name, text("web1"));
  table.require("address", "address = \"10.0.1.11\"");
  table.one("address", out.address, to_address);
  table.one("port", out.port, number<std::uint16_t>(port_numbers));
  table.one("weight", out.weight, number<std::uint16_t>({0, 1'000}));
  table.one("drain", out.drain, to_flag);
  table.one("max_connections", out.max_connections, number<std::uint32_t>({0, 1'000'000'000}));
  table.many("quic_server_id", out.quic_server_ids, to_quic_server_id);
  table.finish();
}

void read_affinity(TableReader& table, AffinityConfig& out) {
  table.require("timeout", "timeout = \"10m\"");
  table.one("timeout", out.timeout, duration("10m"));
  table.one("netmask4", out.netmask4, number<std::uint8_t>({1, 32}));
  table.one("netmask6", out.netmask6, number<std::uint8_t>({1, 128}));
  table.finish();
}

void read_quic_lb(TableReader& table, QuicLbConfig& out) {
  table.require("config_id", "config_id = 0");
  table.one("config_id", out.config_id, number<std::uint8_t>({0, QuicLbConfig::config_id_max}));
  table.require("server_id_length", "server_id_length = 3");
  table.one("server_id_length", out.server_id_length,
            number<std::uint8_t>({1, QuicServerId::bytes_max}));
  table.require("nonce_length", "nonce_length = 4");
  table.one("nonce_length", out.nonce_length,
            number<std::uint8_t>({QuicLbConfig::nonce_bytes_min, QuicLbConfig::nonce_bytes_max}));
  table.one("key", out.key, to_quic_lb_key);
  table.one("length_self_description", out.length_self_description, to_flag);
  table.finish();
}

void read_service(TableReader& table, ServiceConfig& out) {
  table.require("name", "name = \"web\"");
  table.one("name", out.name, text("web"));
  table.require("vip", "the address that clients use: vip = \"203.0.113.10\"");
  table.many("vip", out.vips, to_vip);
  table.many("port", out.ports, to_port_range);
  table.one("protocol", out.protocol, to_enum<Protocol>);
  if (out.protocol != Protocol::any) table.require("port", "port = 80");
  table.one("forward", out.forward, to_enum<Forward>);
  table.one("balance", out.balance, to_enum<Balance>);
  out.slots = default_slots(out.balance);
  table.one("slots", out.slots, number<std::uint32_t>({251, 16'777'259}));
  table.one("hash", out.hash, to_enum<HashOf>);
  if (auto affinity = table.table("affinity", "affinity")) read_affinity(*affinity, out.affinity);
  table.one("one_packet", out.one_packet, to_flag);
  table.many("source_pool", out.source_pool, to_address);
  table.one("proxy_protocol", out.proxy_protocol, to_enum<ProxyProtocol>);
  table.one("syn_cookies", out.syn_cookies, to_enum<SynCookies>);
  table.one("gue_variant", out.gue_variant, number<std::uint8_t>({0, 1}));
  table.one("gue_port", out.gue_port, number<std::uint16_t>(port_numbers));
  table.one("tunnel_source", out.tunnel_source, to_tunnel_source);
  table.one("tunnel_ttl", out.tunnel_ttl, number<std::uint8_t>({1, 255}));
  table.one("tunnel_dscp", out.tunnel_dscp, to_tunnel_dscp);
  table.one("l3dsr_dscp", out.l3dsr_dscp, number<std::uint8_t>({1, 63}));
  table.one("mtu", out.mtu_bytes, number<std::uint16_t>({576, 65'535}));
  table.one("mss_clamp", out.mss_clamp, to_mss_clamp);
  table.one("idle_timeout", out.idle_timeout, duration("15m"));
  table.one("slow_start", out.slow_start, duration("30s"));
  table.one("on_death", out.on_death, to_enum<OnDeath>);
  for (auto& quic_lb : table.tables("quic_lb", "[[service.quic_lb]]")) {
    out.quic_lb.emplace_back();
    if (quic_lb) read_quic_lb(*quic_lb, out.quic_lb.back());
  }
  read_guards(table, out);
  if (auto health = table.table("health", "[service.health]")) read_health(*health, out.health);
  for (auto& backend : table.tables("backend", "[[service.backend]]")) {
    out.backends.emplace_back();
    if (backend) read_backend(*backend, out.backends.back());
  }
  table.finish();
  // What this service listens on is not known then: it is not to overlap with what others do.
  if (table.is_unreadable("port") || table.is_unreadable("protocol")) out.ports.clear();
}

Config read_config(const toml::table& root, Findings& findings) {
  Config out;
  TableReader table(findings, root, "", "this file");
  if (auto dataplane = table.table("dataplane", "[dataplane]"))
    read_dataplane(*dataplane, out.dataplane);
  for (auto& port : table.tables("port", "[[port]]")) {
    out.ports.emplace_back();
    if (port) read_port(*port, out.ports.back());
  }
  for (auto& service : table.tables("service", "[[service]]")) {
    out.services.emplace_back();
    if (service) read_service(*service, out.services.back());
  }
  if (auto access = table.table("access", "[access]")) read_access(*access, out.access);
  for (auto& list : table.tables("prefix_list", "[[prefix_list]]")) {
    out.prefix_lists.emplace_back();
    if (list) read_prefix_list(*list, out.prefix_lists.back());
  }
  // These would be of the service above them, which is the last one when they stand at the end.
  const std::string above =
      out.services.empty() ? "service" : "service[" + std::to_string(out.services.size() - 1) + "]";
  table.misplaced("backend", above + ".backend",
                  "write [[service.backend]], below the [[service]] that it is of");
  table.misplaced("quic_lb", above + ".quic_lb",
                  "write [[service.quic_lb]], below the [[service]] that it is of");
  table.misplaced("health", above + ".health",
                  "write [service.health], below the [[service]] that it is of");
  table.finish();
  return out;
}

}  // namespace

std::expected<ConfigFile, std::vector<FileError>> parse_config(std::string_view text,
                                                               std::string_view file,
                                                               const HostCheck& host_check) {
  const auto root = parse_toml(text, file);
  if (!root) return std::unexpected(std::vector{root.error()});
  Findings findings(file);
  ConfigFile out{read_config(*root, findings), std::string(text)};
  for (const ConfigError& error : validate(out.config)) findings.invalid(error);
  if (host_check)
    for (const ConfigError& error : host_check(out.config)) findings.invalid(error);
  if (!findings.empty()) return std::unexpected(std::move(findings).take());
  return out;
}

}  // namespace sluice::control
