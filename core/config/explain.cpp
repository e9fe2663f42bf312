#include "core/config/explain.h"

#include <algorithm>

#include "core/config/explain_choice.h"
#include "core/config/explain_quic.h"

namespace sluice {
namespace {

// Whether the flow table's entry decides; says why not otherwise.
const Backend* known_backend(const Snapshot& snapshot, const Listener& listener, Target entry,
                             std::vector<std::string>& reasons) {
  const Backend* backend = snapshot.owner(entry);
  const std::string then = snapshot.services[listener.service].resets_on_death
                               ? "the client is reset (replied_reset)"
                               : "picked anew";
  if (backend == nullptr || backend->service != listener.service) {
    reasons.push_back("the flow table knows this flow, but its backend is gone: " + then);
    return nullptr;
  }
  if (!backend->keeps_flows) {
    const bool is_down = backend->health == TargetState::down;
    reasons.push_back(
        "the flow table has " + backend->name +
        (is_down ? ", which is down: " + then : ", but one_packet remembers no flow: picked anew"));
    return nullptr;
  }
  reasons.push_back("the flow table knows this flow: it stays on " + backend->name);
  return backend;
}

const Backend* picked_backend(const Snapshot& snapshot, const Service& service, std::uint64_t hash,
                              std::span<const std::uint64_t> active_flows, Explanation& out) {
  if (service.slots->empty()) {
    out.reasons.push_back("no backend of " + service.name +
                          " takes new flows: dropped (drop_no_backend)");
    return nullptr;
  }
  return explain_choice({snapshot, service, hash, active_flows}, out);
}

// The headers in front of this flow's packets, from the outside in.
std::string tunnel_text(const Tunnel& tunnel, Family inner, std::uint64_t hash) {
  std::string out = std::string(tunnel.destination.is_ipv4() ? "IPv4 " : "IPv6 ") +
                    tunnel.source.at(hash).text() + " -> " + tunnel.destination.text();
  const std::string protocol = inner == Family::ipv4 ? "protocol 4" : "protocol 41";
  const std::string ports = ", UDP " + std::to_string(gue_source_port(hash).value()) + " -> " +
                            std::to_string(tunnel.port.value());
  switch (tunnel.encapsulation) {
    case Encapsulation::ipip:
      return out + ", " + protocol;
    case Encapsulation::gre:
      return out + ", GRE type " + (inner == Family::ipv4 ? "0x0800" : "0x86dd");
    case Encapsulation::gue_direct:
      return out + ports + ", GUE variant 1";
    case Encapsulation::gue_header:
      return out + ports + ", GUE variant 0 " + protocol;
  }
  return out;
}

// Whether an access list drops the client's packets; of what only shows in traffic, the limits, it
// says that they are there.
bool is_refused(const Snapshot& snapshot, const Service& service, const Address& client,
                std::vector<std::string>& reasons) {
  const auto refuses = [&](const auto& table, const std::string& whose) {
    if (table == nullptr || table->find(client)) return false;
    reasons.push_back(client.text() + " is refused by the access lists of " + whose +
                      ": dropped (drop_denied)");
    return true;
  };
  if (refuses(snapshot.access, "[access]") || refuses(service.access, "service " + service.name))
    return true;
  if (snapshot.access != nullptr || service.access != nullptr)
    reasons.push_back("the access lists let " + client.text() + " in");
  if (service.source_rules.limit_anything())
    reasons.push_back("service " + service.name +
                      " has limits per source: over them packets are dropped "
                      "(drop_source_packets, drop_source_connections)");
  return false;
}

// What the service's own limits change, where it has any.
void describe_sizes(Explanation& out, const Config& config, const Service& service,
                    const Backend& backend) {
  const auto wanted = std::ranges::find(config.services, service.name, &ServiceConfig::name);
  if (wanted != config.services.end() && wanted->mtu_bytes != 0 &&
      wanted->mtu_bytes < backend.path->mtu_bytes)
    out.reasons.push_back("the service's mtu makes that " + std::to_string(wanted->mtu_bytes));
  const std::uint16_t mss_bytes_max =
      out.tuple.destination.is_ipv4() ? backend.mss_ipv4_bytes_max : backend.mss_ipv6_bytes_max;
  if (mss_bytes_max != 0)
    out.reasons.push_back("a SYN's segment size becomes " + std::to_string(mss_bytes_max) +
                          " where it is larger (mss_clamp)");
}

// What is done to the TCP of a translated service.
void describe_nat_tcp(Explanation& out, const Service& service) {
  if (service.proxy_protocol == ProxyProtocol::v2)
    out.reasons.push_back("a PROXY protocol header (v2) tells the server client and VIP");
  if (service.syn_cookies != SynCookies::off && !out.known_flow)
    out.reasons.push_back(
        std::string("a SYN is answered by a SYN cookie") +
        (service.syn_cookies == SynCookies::always ? "" : " while many sessions are half-open") +
        "; the server gets one once the client has proved its address");
}

void describe_sending(Explanation& out, const Snapshot& snapshot, const Service& service,
                      const Backend& backend, std::uint64_t hash) {
  if (!backend.path) {
    out.reasons.push_back(backend.name + " cannot be reached: " +
                          std::string(backend.no_path_reason) + ": dropped (drop_no_path)");
    return;
  }
  const Path& path = *backend.path;
  switch (service.forward) {
    case Forward::ipip:
    case Forward::gre:
    case Forward::gue:
      out.encapsulation = tunnel_text(*backend.tunnel, out.tuple.destination.family(), hash);
      break;
    case Forward::l2dsr:
      out.encapsulation = "none; link address " + path.next_hop_mac.text();
      break;
    case Forward::nat:
      out.encapsulation =
          "destination becomes " +
          Endpoint{backend.address,
                   backend.port.value() != 0 ? backend.port : out.tuple.destination_port}
              .text() +
          ", source one of the pool" +
          (backend.sending == Sending::nat64 ? ", IPv6 becomes IPv4" : "");
      describe_nat_tcp(out, service);
      break;
    case Forward::l3dsr:
      out.encapsulation = "none; destination becomes " + backend.address.text() + ", DSCP " +
                          std::to_string(backend.l3dsr_dscp);
      break;
    case Forward::local:
      break;
  }
  out.path = path;
  out.reasons.push_back("sent by port " + path.port + " to " + path.next_hop.text() + " (" +
                        path.next_hop_mac.text() + "), MTU " + std::to_string(path.mtu_bytes));
  describe_sizes(out, snapshot.config(), service, backend);
}

bool is_local_vip(const Snapshot& snapshot, const Address& address) {
  return std::ranges::any_of(snapshot.listeners, [&](const Listener& listener) {
    return listener.in_use && listener.listening().vips.prefix.contains(address);
  });
}

// For an address without a listener.
std::string why_no_listener(const Snapshot& snapshot, const FiveTuple& tuple) {
  const std::string where = tuple.destination.text();
  const OwnAddress* own = snapshot.vips.find(tuple.destination);
  if (own != nullptr && !own->is_vip)
    return where + " is a source-pool address: an answer from a server";
  if (own == nullptr && !snapshot.wide.covers(tuple.destination))
    return is_local_vip(snapshot, tuple.destination)
               ? "the services on " + where + " are local: left to the kernel"
               : where + " is no VIP: left to the kernel";
  if (!has_ports(tuple.protocol))
    return "no service on " + where + " is for any protocol: only pings and ICMP errors are " +
           "treated here, the rest of ICMP is dropped and other protocols left to the kernel";
  return "no service has this port on " + where + ": dropped (drop_no_listener)";
}

}  // namespace

Explanation explain(const Snapshot& snapshot, const FiveTuple& tuple, std::optional<Target> entry,
                    std::span<const std::uint64_t> active_flows, std::optional<QuicHeader> quic) {
  Explanation out;
  out.tuple = tuple;
  out.listener = snapshot.listener_of(tuple.destination, tuple.destination_port, tuple.protocol);
  if (!out.listener) {
    out.reasons.push_back(why_no_listener(snapshot, tuple));
    return out;
  }
  const Listener& listener = snapshot.listener(*out.listener);
  const Service& service = snapshot.services[listener.service];
  out.service = service.name;
  out.forward = service.forward;
  out.reasons.push_back(listener.listening().text() + " is service " + service.name);
  if (service.forward == Forward::local) {
    out.reasons.push_back("the service is local: left to the kernel of this host (sent_local)");
    return out;
  }
  if (is_refused(snapshot, service, tuple.source, out.reasons)) return out;
  const std::uint64_t hash = hash_flow(flow_tuple(listener, tuple), snapshot.hash_seed);
  out.flow_hash = static_cast<std::uint32_t>(hash >> 32);

  const Backend* backend = named_backend(snapshot, service, quic, out.reasons);
  out.by_connection_id = backend != nullptr;
  if (backend == nullptr && entry) backend = known_backend(snapshot, listener, *entry, out.reasons);
  out.known_flow = backend != nullptr && !out.by_connection_id;
  if (backend == nullptr && !entry) out.reasons.emplace_back(unknown_flow_reason);
  if (entry && backend == nullptr && service.resets_on_death) {
    out.reasons.push_back("but a SYN, which begins a connection, is picked anew");
    return out;
  }
  if (backend == nullptr) backend = picked_backend(snapshot, service, hash, active_flows, out);
  if (backend == nullptr) return out;
  out.backend = backend->target.backend();
  out.backend_name = backend->name;
  describe_sending(out, snapshot, service, *backend, hash);
  return out;
}

}  // namespace sluice
