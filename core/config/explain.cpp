#include "core/config/explain.h"

namespace sluice {
namespace {

std::string state_text(const Backend& backend) {
  std::string out(spell(backend.health));
  if (backend.drained) out += ", drained";
  return out;
}

// Whether the flow table's entry decides; says why not otherwise.
const Backend* known_backend(const Snapshot& snapshot, const Listener& listener, Target entry,
                             std::vector<std::string>& reasons) {
  const Backend* backend = snapshot.owner(entry);
  if (backend == nullptr || backend->service != listener.service) {
    reasons.push_back("the flow table knows this flow, but its backend is gone: picked anew");
    return nullptr;
  }
  if (!backend->keeps_flows) {
    reasons.push_back("the flow table has " + backend->name + ", which is down: picked anew");
    return nullptr;
  }
  reasons.push_back("the flow table knows this flow: it stays on " + backend->name);
  return backend;
}

const Backend* picked_backend(const Snapshot& snapshot, const Service& service, std::uint64_t hash,
                              Explanation& out) {
  if (service.slots->empty()) {
    out.reasons.push_back("no backend of " + service.name +
                          " takes new flows: dropped (drop_no_backend)");
    return nullptr;
  }
  out.slot_count = service.slots->size();
  out.slot = service.slots->slot_of(hash);
  const Backend& backend = snapshot.backend(BackendId{service.slots->owner(out.slot)});
  out.reasons.push_back("slot " + std::to_string(out.slot) + " of " +
                        std::to_string(out.slot_count) + " belongs to " + backend.name + " (" +
                        state_text(backend) + ")");
  if (service.panic) out.reasons.push_back("panic rule: every backend is down, so all are used");
  return &backend;
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

void describe_sending(Explanation& out, const Service& service, const Backend& backend,
                      std::uint64_t hash) {
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
          ", source one of the pool";
      break;
  }
  out.path = path;
  out.reasons.push_back("sent by port " + path.port + " to " + path.next_hop.text() + " (" +
                        path.next_hop_mac.text() + "), MTU " + std::to_string(path.mtu_bytes));
}

std::string why_no_listener(const Snapshot& snapshot, const FiveTuple& tuple) {
  const std::string where = tuple.destination.text();
  const OwnAddress* own = snapshot.vips.find(tuple.destination);
  if (own != nullptr && !own->is_vip)
    return where + " is a source-pool address: an answer from a server";
  if (own == nullptr && !snapshot.wide.covers(tuple.destination))
    return where + " is no VIP: left to the kernel";
  if (!has_ports(tuple.protocol))
    return "no service on " + where + " is for any protocol: only pings and ICMP errors are " +
           "treated here, the rest of ICMP is dropped and other protocols left to the kernel";
  return "no service has this port on " + where + ": dropped (drop_no_listener)";
}

}  // namespace

Explanation explain(const Snapshot& snapshot, const FiveTuple& tuple, std::optional<Target> entry) {
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
  const std::uint64_t hash = hash_flow(flow_tuple(listener, tuple), snapshot.hash_seed);
  out.flow_hash = static_cast<std::uint32_t>(hash >> 32);

  const Backend* backend = entry ? known_backend(snapshot, listener, *entry, out.reasons) : nullptr;
  out.known_flow = backend != nullptr;
  if (!entry) out.reasons.push_back("the flow table does not know this flow");
  if (backend == nullptr) backend = picked_backend(snapshot, service, hash, out);
  if (backend == nullptr) return out;
  out.backend = backend->target.backend();
  out.backend_name = backend->name;
  describe_sending(out, service, *backend, hash);
  return out;
}

}  // namespace sluice
