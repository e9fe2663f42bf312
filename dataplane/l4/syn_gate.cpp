#include "dataplane/l4/syn_gate.h"

#include <algorithm>
#include <utility>

#include "core/net/wire.h"
#include "dataplane/l4/segment.h"

namespace sluice::dataplane {
namespace {

using wire::TcpHeader;

constexpr std::uint64_t ns_per_tick = syn_cookie_tick_seconds * 1'000'000'000ULL;
constexpr std::uint64_t ns_per_millisecond = 1'000'000;

SynCookieFlow flow_of(const ParsedPacket& packet, TcpSequence client_isn) {
  return {.client = packet.source,
          .vip = packet.destination,
          .client_port = packet.source_port,
          .vip_port = packet.destination_port,
          .client_isn = client_isn};
}

// A segment size that the service's mss_clamp lets pass.
std::uint16_t clamped(std::uint16_t mss_bytes, const Backend& backend, Family family) {
  const std::uint16_t mss_bytes_max =
      family == Family::ipv4 ? backend.mss_ipv4_bytes_max : backend.mss_ipv6_bytes_max;
  return mss_bytes_max == 0 ? mss_bytes : std::min(mss_bytes, mss_bytes_max);
}

std::uint16_t mss_towards(const Backend& backend, Family family) {
  const std::uint16_t headers_bytes = family == Family::ipv4 ? 40 : 60;
  const int fitting_bytes = std::max<int>(backend.inner_mtu_bytes - headers_bytes, 0);
  return clamped(static_cast<std::uint16_t>(fitting_bytes), backend, family);
}

}  // namespace

std::uint32_t SynGate::tick() const { return static_cast<std::uint32_t>(now_ns_ / ns_per_tick); }

Verdict SynGate::judge(const Service& service, const Packet& packet, bool is_crowded) {
  const ParsedPacket& parsed = packet.parsed;
  if (parsed.layer4 != Layer4::tcp || !parsed.has_ports) return Verdict::none;
  const bool opens = (parsed.tcp_flags & (TcpHeader::syn | TcpHeader::ack)) == TcpHeader::syn;
  const bool is_on = service.syn_cookies == SynCookies::always || is_crowded;
  const bool was_on = has_replied_ && tick() - last_reply_tick_ <= 1;
  if (opens ? !is_on : !is_on && !was_on) return Verdict::none;
  if (parsed.is_fragment || !has_right_tcp_checksum(packet.data, parsed))
    return Verdict::drop_syn_cookie_invalid;
  if (opens) {
    has_replied_ = true;
    last_reply_tick_ = tick();
    return Verdict::replied_syn_cookie;
  }
  return read(packet) ? Verdict::sent_syn_proxy : Verdict::drop_syn_cookie_invalid;
}

std::optional<TcpOptions> SynGate::read(const Packet& packet) const {
  const std::uint8_t flags = packet.parsed.tcp_flags;
  if ((flags & (TcpHeader::ack | TcpHeader::syn | TcpHeader::rst)) != TcpHeader::ack)
    return std::nullopt;
  const TcpEdit tcp(packet.data, packet.parsed);
  return read_syn_cookie(key_, flow_of(packet.parsed, tcp.sequence() - 1),
                         tcp.acknowledgement() - 1, tick());
}

void SynGate::reply(Packet& packet, const Backend& backend) const {
  const ParsedPacket& parsed = packet.parsed;
  const TcpEdit syn(packet.data, parsed);
  TcpOptions asked = syn.options();
  // The server hears of it by the SYN that is made from the cookie.
  if (asked.mss_bytes) asked.mss_bytes = clamped(*asked.mss_bytes, backend, parsed.family);
  TcpSegment answer{
      .source = parsed.destination,
      .destination = parsed.source,
      .source_port = parsed.destination_port,
      .destination_port = parsed.source_port,
      .sequence = make_syn_cookie(key_, flow_of(parsed, syn.sequence()), asked, tick()),
      .acknowledgement = syn.sequence() + 1,
      .flags = TcpHeader::syn | TcpHeader::ack,
      .traffic_class = 0,
      .window = 0,
      .options = {.mss_bytes = mss_towards(backend, parsed.family),
                  .window_scale = std::nullopt,
                  .timestamps = std::nullopt,
                  .sack_permitted = asked.sack_permitted}};
  if (asked.window_scale) answer.options.window_scale = cookie_window_scale;
  if (asked.timestamps)
    answer.options.timestamps = {static_cast<std::uint32_t>(now_ns_ / ns_per_millisecond),
                                 asked.timestamps->value};
  if (!replace_by(packet, answer)) return;
  auto& ethernet = *reinterpret_cast<wire::EthernetHeader*>(packet.data);
  std::swap(ethernet.destination, ethernet.source);
  packet.out_port = packet.in_port;
  packet.verdict = Verdict::replied_syn_cookie;
}

}  // namespace sluice::dataplane
