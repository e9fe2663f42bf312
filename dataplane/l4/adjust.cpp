#include "dataplane/l4/adjust.h"

#include <algorithm>
#include <cstring>

#include "core/net/proxy_header.h"
#include "dataplane/l4/nat.h"
#include "dataplane/l4/splice.h"
#include "dataplane/l4/transmit.h"

namespace sluice::dataplane {
namespace {

using wire::TcpHeader;

// Up to here a preface shares a packet with the client's first bytes. Behind the next hop there may
// be a narrower link, to which the client has fitted its packets and cannot fit ours: this much
// every link carries (RFC 8200 section 5) that anyone still runs.
constexpr std::uint16_t shared_packet_bytes_max = 1'280;

bool is_tcp_with_header(const ParsedPacket& packet) {
  return packet.layer4 == Layer4::tcp && packet.has_ports;
}

// A client's SYN, which opens the connection or does so once more.
void adjust_syn(Packet& packet, NatAdjust& adjust) {
  TcpEdit tcp(packet.data, packet.parsed);
  if (adjust.owes_preface() && adjust.splice == Splice::none) {
    adjust.client_isn = tcp.sequence();
    adjust.server_ack = adjust.first_byte();
    adjust.preface = Preface::due;
    // Data in the SYN (RFC 7413) would come before the preface: the server is not asked for it.
    tcp.blank_option(TcpOption::fast_open);
  }
  tcp.finish();
}

// A reset is obeyed at exactly the number that the server waits for (RFC 9293 section 3.10.7.4):
// behind the preface when that is on its way.
void adjust_reset(Packet& packet, const NatAdjust& adjust) {
  TcpEdit tcp(packet.data, packet.parsed);
  edit_for_server(tcp, adjust);
  tcp.set_sequence(adjust.preface == Preface::due ? adjust.server_ack
                                                  : adjust.sequence_for_server(tcp.sequence()));
  tcp.finish();
}

// Opens a gap between TCP header and payload and fills it. The headroom suffices.
void insert(Packet& packet, std::span<const std::uint8_t> bytes) {
  const std::size_t before =
      std::size_t{packet.parsed.l3_offset} + tcp_headers_bytes(packet.data, packet.parsed);
  std::uint8_t* data = packet.data - bytes.size();
  std::memmove(data, packet.data, before);
  std::ranges::copy(bytes, data + before);
  packet.data = data;
  packet.headroom_bytes = static_cast<std::uint16_t>(packet.headroom_bytes - bytes.size());
  packet.length_bytes = static_cast<std::uint16_t>(packet.length_bytes + bytes.size());
  count_inserted(packet.data, packet.parsed, bytes);
}

// The segment with the preface, before its payload or instead of it.
Verdict insert_preface(Packet& packet, const Listener& listener, const NatSession& session,
                       NatAdjust& adjust, PrefacePlace place) {
  // A fragment's lengths and checksum are those of another whole.
  if (packet.parsed.is_fragment) return Verdict::drop_nat_cannot_adjust;
  if (packet.headroom_bytes < adjust.preface_bytes) return Verdict::drop_no_headroom;
  std::array<std::uint8_t, proxy_header_bytes_max> buffer{};
  const auto preface = write_proxy_header({.client = session.client,
                                           .vip = listener.vip,
                                           .client_port = session.client_port,
                                           .vip_port = vip_port(listener, session)},
                                          buffer);
  TcpEdit tcp(packet.data, packet.parsed);
  tcp.set_sequence(adjust.first_byte());
  std::uint8_t flags = packet.parsed.tcp_flags | TcpHeader::psh;
  if (place == PrefacePlace::instead_of) flags &= static_cast<std::uint8_t>(~TcpHeader::fin);
  tcp.set_flags(flags);
  tcp.finish();
  if (place == PrefacePlace::instead_of) drop_tcp_payload(packet.data, packet.parsed);
  insert(packet, preface);
  adjust.preface = Preface::sent;
  return Verdict::sent_proxy_header;
}

PrefacePlace place_in(const Packet& packet, const Backend& backend, const NatAdjust& adjust) {
  const TcpEdit tcp(packet.data, packet.parsed);
  return place_preface(adjust,
                       {.sequence = tcp.sequence(),
                        .is_empty = tcp_payload_bytes(packet.data, packet.parsed) == 0,
                        .has_room = packet.parsed.ip_length_bytes + adjust.preface_bytes <=
                                    std::min(backend.inner_mtu_bytes, shared_packet_bytes_max)});
}

Verdict adjust_for_server(Packet& packet, const Backend& backend, const Listener& listener,
                          const NatSession& session, NatAdjust& adjust) {
  const std::uint8_t flags = packet.parsed.tcp_flags;
  if ((flags & TcpHeader::rst) != 0) {
    adjust_reset(packet, adjust);
    return Verdict::sent_nat;
  }
  if (adjust.splice == Splice::connecting) return replace_by_syn(packet, adjust);
  if ((flags & TcpHeader::syn) != 0) {
    adjust_syn(packet, adjust);
    return Verdict::sent_nat;
  }
  const PrefacePlace place =
      adjust.owes_preface() ? place_in(packet, backend, adjust) : PrefacePlace::untouched;
  TcpEdit tcp(packet.data, packet.parsed);
  edit_for_server(tcp, adjust);
  if (place == PrefacePlace::untouched)
    tcp.set_sequence(adjust.sequence_for_server(tcp.sequence()));
  tcp.finish();
  return place == PrefacePlace::untouched
             ? Verdict::sent_nat
             : insert_preface(packet, listener, session, adjust, place);
}

void adjust_for_client(Packet& packet, NatAdjust& adjust) {
  TcpEdit tcp(packet.data, packet.parsed);
  edit_for_client(tcp, adjust);
  if (tcp.has(TcpHeader::ack) && adjust.preface != Preface::none) {
    adjust.see_server_ack(tcp.acknowledgement());
    // A SYN-ACK is of before the preface, however late it comes.
    if (!tcp.has(TcpHeader::syn))
      tcp.set_acknowledgement(adjust.ack_for_client(tcp.acknowledgement()));
    // While the preface is missing there is a gap that the client knows nothing of, and bytes
    // behind it that it must not take for received before its first one.
    if (adjust.owes_preface())
      tcp.blank_option(TcpOption::sack);
    else
      tcp.map_sack([&](TcpSequence edge) { return adjust.ack_for_client(edge); });
    // The preface takes its part of the window that the SYN-ACK opens.
    if (tcp.has(TcpHeader::syn))
      tcp.set_window(static_cast<std::uint16_t>(
          tcp.window() - std::min<std::uint16_t>(tcp.window(), adjust.preface_bytes)));
  }
  tcp.finish();
}

}  // namespace

Adjustments::Adjustments(const FlowMemory& memory)
    : sessions_(memory.sessions), records_(memory.sessions.size()) {}

// False: this connection began without us, or without the feature, and goes on so.
bool Adjustments::begin(const Packet& packet, const Snapshot& snapshot, NatSession& session) const {
  const Service& service = snapshot.services[snapshot.listeners[session.listener].service];
  const bool opens = is_tcp_with_header(packet.parsed) && session.state == FlowState::opening &&
                     (packet.parsed.tcp_flags & TcpHeader::syn) != 0;
  if (!opens || service.proxy_protocol == ProxyProtocol::off) return false;
  of(session) = {.preface_bytes = proxy_header_bytes(session.client.family()),
                 .preface = Preface::due};
  session.is_adjusted = 1;
  return true;
}

void Adjustments::splice(const Packet& packet, const Snapshot& snapshot, NatSession& session,
                         const TcpOptions& cookie) const {
  NatAdjust& adjust = of(session);
  adjust = begin_splice(packet, cookie);
  const Service& service = snapshot.services[snapshot.listeners[session.listener].service];
  if (service.proxy_protocol == ProxyProtocol::v2) {
    adjust.preface_bytes = proxy_header_bytes(session.client.family());
    adjust.preface = Preface::due;
  }
  session.is_adjusted = 1;
}

void Adjustments::send_to_server(Packet& packet, const Backend& backend, const Snapshot& snapshot,
                                 NatSession& session) {
  Verdict verdict = Verdict::sent_nat;
  if ((session.is_adjusted != 0 || begin(packet, snapshot, session)) &&
      is_tcp_with_header(packet.parsed)) {
    const Listener& listener = snapshot.listeners[session.listener];
    verdict = adjust_for_server(packet, backend, listener, session, of(session));
    if (exit_of(verdict) == Exit::drop) {
      packet.verdict = verdict;
      return;
    }
  }
  send_nat(packet, backend, snapshot, session);
  if (packet.verdict == Verdict::sent_nat) packet.verdict = verdict;
}

void Adjustments::send_to_client(Packet& packet, const Snapshot& snapshot,
                                 const NatSession& session) {
  if (is_tcp_with_header(packet.parsed)) {
    NatAdjust& adjust = of(session);
    if (is_answer(packet, adjust)) {
      const Verdict verdict = take_answer(packet, adjust);
      if (exit_of(verdict) == Exit::drop) {
        packet.verdict = verdict;
        return;
      }
    } else {
      adjust_for_client(packet, adjust);
    }
  }
  send_nat_return(packet, snapshot, session);
}

void Adjustments::restore_quoted_client(Packet& error, const ParsedPacket& quoted,
                                        const NatSession& session) const {
  TcpSequence sequence = 0;
  if (session.is_adjusted == 0 || !read_quoted_sequence(error.data, quoted, sequence)) return;
  set_quoted_sequence(error.data, error.parsed, quoted, of(session).ack_for_client(sequence));
}

void Adjustments::restore_quoted_server(Packet& error, const ParsedPacket& quoted,
                                        const NatSession& session) const {
  TcpSequence sequence = 0;
  if (session.is_adjusted == 0 || !read_quoted_sequence(error.data, quoted, sequence)) return;
  set_quoted_sequence(error.data, error.parsed, quoted, sequence - of(session).server_offset);
}

}  // namespace sluice::dataplane
