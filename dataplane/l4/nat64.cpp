#include "dataplane/l4/nat64.h"

#include <algorithm>
#include <span>

#include "core/net/nat64.h"
#include "core/net/wire.h"
#include "dataplane/l4/nat.h"

namespace sluice::dataplane {
namespace {

struct Way {
  Family family = Family::ipv4;
  LinkHeader link;
  PortIndex port = no_port;
  Verdict verdict = Verdict::none;
};

Way to_server(const Backend& backend, Verdict verdict) {
  return {Family::ipv4, backend.link, backend.out_port, verdict};
}

// By the hop that the client's packets come from.
Way to_client(const NatSession& session, Verdict verdict) {
  return {Family::ipv6,
          {MacAddress{session.client_mac}, MacAddress{session.own_mac}},
          session.in_port,
          verdict};
}

// Whether the packet has another hop to live and, on the way to IPv6, room to grow.
bool can_be_sent(Packet& packet, std::size_t growth_bytes) {
  const std::size_t before = growth_bytes + sizeof(wire::EthernetHeader);
  if (packet.parsed.ttl <= 1)
    packet.verdict = Verdict::drop_ttl_exceeded;
  else if (std::size_t{packet.headroom_bytes} + packet.parsed.l3_offset < before)
    packet.verdict = Verdict::drop_no_headroom;
  else
    return true;
  return false;
}

// Makes the frame that of `ip`, which lies in the same buffer; nothing for a packet that has no
// form in the other version.
void send_as(Packet& packet, std::span<std::uint8_t> ip, const Way& way) {
  packet.verdict = Verdict::drop_nat64_untranslatable;
  if (ip.empty()) return;
  std::uint8_t* const frame = ip.data() - sizeof(wire::EthernetHeader);
  packet.headroom_bytes = static_cast<std::uint16_t>(packet.headroom_bytes + (frame - packet.data));
  packet.data = frame;
  packet.length_bytes = static_cast<std::uint16_t>(sizeof(wire::EthernetHeader) + ip.size());
  way.link.write(frame, way.family);
  packet.verdict = way.verdict;
  packet.out_port = way.port;
}

Translation as_server_sees(const Snapshot& snapshot, const NatSession& session) {
  return {.source = snapshot.sources[session.source],
          .destination = session.server,
          .source_port = session.source_port,
          .destination_port = session.server_port};
}

Translation as_client_sees(const Snapshot& snapshot, const NatSession& session) {
  const Listener& listener = snapshot.listeners[session.listener];
  return {.source = listener.vip,
          .destination = session.client,
          .source_port = vip_port(listener, session),
          .destination_port = session.client_port};
}

// Errors are about a packet of the other direction.
ErrorTranslation about_answer(const Translation& flow) {
  return {.source = flow.source,
          .destination = flow.destination,
          .quoted = {.source = flow.destination,
                     .destination = flow.source,
                     .source_port = flow.destination_port,
                     .destination_port = flow.source_port}};
}

// What fits both the path to the server and the client's link, as IPv6.
std::uint16_t ipv6_mtu_bytes(const Snapshot& snapshot, const Nat64Flow& flow) {
  const Backend* backend = snapshot.owner(Target{flow.session.target});
  const bool is_known = backend != nullptr && backend->path;
  return is_known ? std::min(backend->inner_mtu_bytes, flow.link_mtu_bytes) : flow.link_mtu_bytes;
}

}  // namespace

std::uint16_t answer_mtu_bytes(const Packet& answer, std::uint16_t link_mtu_bytes) {
  const std::size_t growth_bytes = ipv6_length_bytes(answer.parsed) - answer.parsed.ip_length_bytes;
  return static_cast<std::uint16_t>(link_mtu_bytes > growth_bytes ? link_mtu_bytes - growth_bytes
                                                                  : 0);
}

void send_nat64(Packet& packet, const Backend& backend, const Snapshot& snapshot,
                NatSession& session, std::uint16_t identification) {
  if (!can_be_sent(packet, 0)) return;
  const auto& ethernet = *reinterpret_cast<const wire::EthernetHeader*>(packet.data);
  session.client_mac = ethernet.source;
  session.own_mac = ethernet.destination;
  session.in_port = packet.in_port;
  send_as(packet,
          translate_to_ipv4(packet.data, packet.parsed, as_server_sees(snapshot, session),
                            identification),
          to_server(backend, Verdict::sent_nat64));
}

void send_nat64_return(Packet& packet, const Snapshot& snapshot, const NatSession& session) {
  if (!can_be_sent(packet, nat64_growth_bytes_max)) return;
  send_as(packet, translate_to_ipv6(packet.data, packet.parsed, as_client_sees(snapshot, session)),
          to_client(session, Verdict::sent_nat64_return));
}

void send_nat64_error_to_server(Packet& packet, const ParsedPacket& quoted, const Backend& backend,
                                const Snapshot& snapshot, const Nat64Flow& flow) {
  if (!can_be_sent(packet, 0)) return;
  const Nat64Error how{.addresses = about_answer(as_server_sees(snapshot, flow.session)),
                       .mtu_bytes_max = static_cast<std::uint16_t>(ipv6_mtu_bytes(snapshot, flow) -
                                                                   nat64_difference_bytes),
                       .identification = flow.identification};
  send_as(packet, translate_error_to_ipv4(packet.data, packet.parsed, quoted, how),
          to_server(backend, Verdict::sent_icmp_error));
}

void send_nat64_error_to_client(Packet& packet, const ParsedPacket& quoted,
                                const Snapshot& snapshot, const Nat64Flow& flow) {
  if (!can_be_sent(packet, nat64_growth_bytes_max)) return;
  const Nat64Error how{.addresses = about_answer(as_client_sees(snapshot, flow.session)),
                       .mtu_bytes_max = ipv6_mtu_bytes(snapshot, flow)};
  send_as(packet, translate_error_to_ipv6(packet.data, packet.parsed, quoted, how),
          to_client(flow.session, Verdict::sent_icmp_error_return));
}

}  // namespace sluice::dataplane
