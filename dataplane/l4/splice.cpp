#include "dataplane/l4/splice.h"

#include <algorithm>

#include "dataplane/l4/segment.h"
#include "dataplane/l4/syn_gate.h"

namespace sluice::dataplane {
namespace {

using wire::TcpHeader;

constexpr std::uint32_t window_max = 0xffff;

std::uint16_t limited(std::uint32_t window) {
  return static_cast<std::uint16_t>(std::min(window, window_max));
}

// `bytes` as the client reads it, by the scale that the cookie's SYN-ACK told. Never closed by
// rounding: nobody would open it.
std::uint16_t window_for_client(std::uint32_t bytes, const NatAdjust& adjust) {
  if (adjust.client_scale == NatAdjust::no_scale) return limited(bytes);
  const std::uint32_t scaled = bytes >> cookie_window_scale;
  return bytes == 0 ? 0 : limited(std::max(scaled, 1U));
}

// The server's SYN-ACK, by the numbers that the client knows.
TcpSegment announcement(const Packet& packet, const TcpEdit& syn_ack, const NatAdjust& adjust) {
  const std::uint16_t taken = adjust.owes_preface() ? adjust.preface_bytes : std::uint16_t{0};
  const TcpOptions options = syn_ack.options();
  TcpSegment out{.source = packet.parsed.source,
                 .destination = packet.parsed.destination,
                 .source_port = packet.parsed.source_port,
                 .destination_port = packet.parsed.destination_port,
                 .sequence = adjust.server_isn,
                 .acknowledgement = adjust.first_byte(),
                 .flags = TcpHeader::ack,
                 .traffic_class = packet.parsed.traffic_class,
                 .window = window_for_client(
                     syn_ack.window() - std::min<std::uint32_t>(syn_ack.window(), taken), adjust),
                 .options = {},
                 .payload_bytes = 1};
  if (adjust.has_timestamps && options.timestamps)
    out.options.timestamps = {options.timestamps->value + adjust.time_offset,
                              options.timestamps->echo};
  return out;
}

void join(const TcpEdit& syn_ack, NatAdjust& adjust) {
  const TcpOptions options = syn_ack.options();
  adjust.server_offset = adjust.server_isn - syn_ack.sequence();
  adjust.server_scale = options.window_scale.value_or(NatAdjust::no_scale);
  adjust.time_offset = options.timestamps ? adjust.time_offset - options.timestamps->value : 0;
  adjust.splice = Splice::joined;
}

}  // namespace

NatAdjust begin_splice(const Packet& packet, const TcpOptions& cookie) {
  const TcpEdit ack(packet.data, packet.parsed);
  const auto timestamps = ack.options().timestamps;
  NatAdjust out{.client_isn = ack.sequence() - 1, .server_isn = ack.acknowledgement() - 1};
  out.server_ack = out.first_byte();
  out.time_offset = timestamps ? timestamps->echo : 0;
  out.mss_bytes = cookie.mss_bytes.value_or(0);
  out.client_scale = cookie.window_scale.value_or(NatAdjust::no_scale);
  out.splice = Splice::connecting;
  out.has_sack = cookie.sack_permitted;
  out.has_timestamps = timestamps.has_value();
  return out;
}

Verdict replace_by_syn(Packet& packet, const NatAdjust& adjust) {
  const TcpEdit tcp(packet.data, packet.parsed);
  const bool is_scaled = adjust.client_scale != NatAdjust::no_scale;
  TcpSegment syn{
      .source = packet.parsed.source,
      .destination = packet.parsed.destination,
      .source_port = packet.parsed.source_port,
      .destination_port = packet.parsed.destination_port,
      .sequence = adjust.client_isn,
      .flags = TcpHeader::syn,
      .traffic_class = packet.parsed.traffic_class,
      // A SYN's window is never scaled (RFC 7323 section 2.2).
      .window = limited(std::uint32_t{tcp.window()} << (is_scaled ? adjust.client_scale : 0)),
      .options = {.mss_bytes = adjust.mss_bytes,
                  .window_scale = std::nullopt,
                  .timestamps = std::nullopt,
                  .sack_permitted = adjust.has_sack}};
  if (is_scaled) syn.options.window_scale = adjust.client_scale;
  if (const auto timestamps = tcp.options().timestamps; timestamps && adjust.has_timestamps)
    syn.options.timestamps = {timestamps->value, 0};
  return replace_by(packet, syn) ? Verdict::sent_syn_proxy : packet.verdict;
}

bool is_answer(const Packet& packet, const NatAdjust& adjust) {
  const std::uint8_t flags = packet.parsed.tcp_flags;
  return adjust.splice == Splice::connecting ||
         (adjust.splice == Splice::joined && (flags & TcpHeader::syn) != 0);
}

Verdict take_answer(Packet& packet, NatAdjust& adjust) {
  TcpEdit tcp(packet.data, packet.parsed);
  // Of anything else the server has an older connection in mind, which it will give up in time.
  if (!tcp.has(TcpHeader::ack) || tcp.acknowledgement() != adjust.first_byte())
    return Verdict::drop_nat_cannot_adjust;
  if (tcp.has(TcpHeader::rst)) {
    tcp.set_sequence(adjust.server_isn + 1);
    tcp.finish();
    return Verdict::sent_nat_return;
  }
  if (!tcp.has(TcpHeader::syn)) return Verdict::drop_nat_cannot_adjust;
  if (adjust.splice == Splice::connecting) join(tcp, adjust);
  if (tcp.sequence() + adjust.server_offset != adjust.server_isn)
    return Verdict::drop_nat_cannot_adjust;
  adjust.see_server_ack(tcp.acknowledgement());
  return replace_by(packet, announcement(packet, tcp, adjust)) ? Verdict::sent_nat_return
                                                               : packet.verdict;
}

void edit_for_server(TcpEdit& tcp, const NatAdjust& adjust) {
  if (adjust.splice != Splice::joined || !tcp.has(TcpHeader::ack)) return;
  tcp.set_acknowledgement(tcp.acknowledgement() - adjust.server_offset);
  tcp.map_sack([&](TcpSequence edge) { return edge - adjust.server_offset; });
  tcp.shift_timestamps(0, 0 - adjust.time_offset);
  const bool is_scaled = adjust.client_scale != NatAdjust::no_scale;
  if (is_scaled && adjust.server_scale == NatAdjust::no_scale)
    tcp.set_window(limited(std::uint32_t{tcp.window()} << adjust.client_scale));
}

void edit_for_client(TcpEdit& tcp, const NatAdjust& adjust) {
  if (adjust.splice != Splice::joined) return;
  tcp.set_sequence(tcp.sequence() + adjust.server_offset);
  tcp.shift_timestamps(adjust.time_offset, 0);
  const bool is_scaled = adjust.server_scale != NatAdjust::no_scale;
  tcp.set_window(window_for_client(
      std::uint32_t{tcp.window()} << (is_scaled ? adjust.server_scale : 0), adjust));
}

}  // namespace sluice::dataplane
