#include "dataplane/l4/transmit.h"

#include <cstring>
#include <utility>

#include "core/net/icmp.h"
#include "core/net/l3dsr.h"
#include "core/net/rewrite.h"
#include "core/net/wire.h"
#include "dataplane/l4/nat.h"
#include "dataplane/l4/reframe.h"

namespace sluice::dataplane {
namespace {

wire::EthernetHeader& ethernet_header(const Packet& packet) {
  return *reinterpret_cast<wire::EthernetHeader*>(packet.data);
}

bool outlives_hop(Packet& packet) {
  if (packet.parsed.ttl > 1) return true;
  packet.verdict = Verdict::drop_ttl_exceeded;
  return false;
}

// By the hop that the client's packets come from.
void send_to_client(Packet& packet, Verdict verdict, const NatSession& session) {
  const LinkHeader link{MacAddress{session.client_mac}, MacAddress{session.own_mac}};
  link.write(packet.data, packet.parsed.family);
  send_by(packet, verdict, session.in_port);
}

InnerPacket inner_of(const Packet& packet) {
  return {.family = packet.parsed.family,
          .traffic_class = packet.parsed.traffic_class,
          .length_bytes = packet.parsed.ip_length_bytes};
}

Verdict verdict_of(Encapsulation encapsulation) {
  switch (encapsulation) {
    case Encapsulation::ipip:
      return Verdict::sent_ipip;
    case Encapsulation::gre:
      return Verdict::sent_gre;
    case Encapsulation::gue_direct:
    case Encapsulation::gue_header:
      return Verdict::sent_gue;
  }
  return Verdict::none;
}

// Back to the hop that the packet came from, VLAN tags as they were.
void turn_around(Packet& packet) {
  auto& ethernet = ethernet_header(packet);
  std::swap(ethernet.destination, ethernet.source);
  packet.out_port = packet.in_port;
}

}  // namespace

void send_tunnel(Packet& packet, const Backend& backend, std::uint64_t flow_hash) {
  if (!reframe(packet, backend.outer.length_bytes())) return;
  backend.outer.write(ip_header(packet), inner_of(packet), flow_hash);
  send_tunnelled(packet, verdict_of(backend.outer.encapsulation()), backend);
}

void send_l2dsr(Packet& packet, const Backend& backend) {
  // Counted down, or a server that sends the packet back would make it circle for ever.
  if (!outlives_hop(packet) || !reframe(packet, 0)) return;
  decrement_ttl(packet.data, packet.parsed);
  backend.link.write(packet.data, packet.parsed.family);
  send_by(packet, Verdict::sent_l2dsr, backend.out_port);
}

void send_l3dsr(Packet& packet, const Backend& backend) {
  if (!outlives_hop(packet) || !reframe(packet, 0)) return;
  redirect(packet.data, packet.parsed, backend.address, backend.l3dsr_dscp);
  decrement_ttl(packet.data, packet.parsed);
  backend.link.write(packet.data, packet.parsed.family);
  send_by(packet, Verdict::sent_l3dsr, backend.out_port);
}

void send_nat(Packet& packet, const Backend& backend, const Snapshot& snapshot,
              NatSession& session) {
  if (!outlives_hop(packet)) return;
  const auto& ethernet = ethernet_header(packet);
  session.client_mac = ethernet.source;
  session.own_mac = ethernet.destination;
  session.in_port = packet.in_port;
  if (!reframe(packet, 0)) return;
  translate(packet.data, packet.parsed,
            {.source = snapshot.sources[session.source],
             .destination = session.server,
             .source_port = session.source_port,
             .destination_port = session.server_port});
  decrement_ttl(packet.data, packet.parsed);
  backend.link.write(packet.data, packet.parsed.family);
  send_by(packet, Verdict::sent_nat, backend.out_port);
}

void send_nat_return(Packet& packet, const Snapshot& snapshot, const NatSession& session) {
  if (!outlives_hop(packet) || !reframe(packet, 0)) return;
  const Listener& listener = snapshot.listeners[session.listener];
  translate(packet.data, packet.parsed,
            {.source = listener.vip,
             .destination = session.client,
             .source_port = vip_port(listener, session),
             .destination_port = session.client_port});
  decrement_ttl(packet.data, packet.parsed);
  send_to_client(packet, Verdict::sent_nat_return, session);
}

// Both translate the quoted packet back to what its sender sent, and the error's destination with
// it (RFC 5508 section 4.2, REQ-4 and REQ-5). The error's source becomes the address by which the
// receiver knows us, as section 4.2.2 demands of errors from the inner realm and as Linux does in
// both directions: a router's own address may be a private one on the other side, where a filter
// against forged sources would drop the message, and with it path MTU discovery. Neither refreshes
// or ends the session (REQ-6).

void send_error_to_server(Packet& packet, const ParsedPacket& quoted, const Backend& backend,
                          const Snapshot& snapshot, const NatSession& session) {
  if (!outlives_hop(packet)) return;
  const Address& pool = snapshot.sources[session.source];
  translate_error(packet.data, packet.parsed, quoted,
                  {.source = pool,
                   .destination = session.server,
                   .quoted = {.source = session.server,
                              .destination = pool,
                              .source_port = session.server_port,
                              .destination_port = session.source_port}});
  decrement_ttl(packet.data, packet.parsed);
  if (!reframe(packet, 0)) return;
  backend.link.write(packet.data, packet.parsed.family);
  send_by(packet, Verdict::sent_icmp_error, backend.out_port);
}

void send_error_to_client(Packet& packet, const ParsedPacket& quoted, const Snapshot& snapshot,
                          const NatSession& session) {
  if (!outlives_hop(packet)) return;
  const Listener& listener = snapshot.listeners[session.listener];
  translate_error(packet.data, packet.parsed, quoted,
                  {.source = listener.vip,
                   .destination = session.client,
                   .quoted = {.source = session.client,
                              .destination = listener.vip,
                              .source_port = session.client_port,
                              .destination_port = vip_port(listener, session)}});
  decrement_ttl(packet.data, packet.parsed);
  if (!reframe(packet, 0)) return;
  send_to_client(packet, Verdict::sent_icmp_error_return, session);
}

void reply_echo(Packet& packet) {
  make_echo_reply(packet.data, packet.parsed);
  turn_around(packet);
  packet.verdict = Verdict::replied_echo;
}

void reply_too_big(Packet& packet, std::uint16_t mtu_bytes, TokenBucket& errors,
                   std::uint64_t now_ns) {
  packet.verdict = Verdict::drop_too_big;
  if (!packet.parsed.dont_fragment || !may_cause_error(packet.parsed)) return;
  packet.verdict = Verdict::drop_icmp_rate_limited;
  if (!errors.take(now_ns)) return;
  const TooBigLayout layout = too_big_layout(packet.parsed);
  packet.verdict = Verdict::drop_no_headroom;
  if (packet.headroom_bytes < layout.header_bytes) return;
  // The link header, tags included, moves first: the new headers go where it was.
  const std::size_t link_bytes = packet.parsed.l3_offset;
  std::memmove(packet.data - layout.header_bytes, packet.data, link_bytes);
  write_too_big(ip_header(packet), packet.parsed, mtu_bytes);
  packet.data -= layout.header_bytes;
  packet.headroom_bytes = static_cast<std::uint16_t>(packet.headroom_bytes - layout.header_bytes);
  packet.length_bytes =
      static_cast<std::uint16_t>(link_bytes + layout.header_bytes + layout.quoted_bytes);
  turn_around(packet);
  packet.verdict = Verdict::replied_too_big;
}

}  // namespace sluice::dataplane
