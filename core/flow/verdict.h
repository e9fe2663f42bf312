#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

/// How a packet left the pipeline. The verdict's name is the counter's name, the trace line and the
/// answer of explain. The order is part of the shared-memory layout: append, and raise the layout's
/// version.
enum class Verdict : std::uint8_t {
  none,  // not decided yet
  // Forwarded.
  sent_ipip,
  sent_l2dsr,
  sent_nat,
  sent_nat_return,
  replied_echo,
  replied_too_big,  // to the sender: fragmentation needed (v4) or packet too big (v6)
  passed_to_kernel,
  handed_over,  // to the worker that owns the NAT session
  // Dropped: the packet is at fault.
  drop_truncated,
  drop_bad_ip_header,
  drop_bad_tcp_header,
  drop_bad_udp_header,
  drop_mapped_address,
  drop_fragment,
  drop_ttl_exceeded,
  drop_too_big,
  drop_icmp_unsupported,
  // Dropped: the configuration or the network is.
  drop_no_listener,
  drop_no_backend,
  drop_no_path,
  drop_nat_unknown_flow,
  drop_nat_ports_exhausted,
  drop_nat_table_full,
  drop_no_headroom,
  drop_tx_full,
  drop_hand_over_full,
  drop_icmp_rate_limited,
  // Appended since version 1 of the layout.
  sent_icmp_error,         // to the server of the flow that it is about
  sent_icmp_error_return,  // to the client of the NAT session that it is about
  drop_icmp_bad_quote,
  drop_icmp_unknown_flow,
  sent_gue,
  sent_gre,
  // Since version 3.
  drop_fragment_unknown,
  // Since version 4.
  held_fragment,  // until its first one comes: it gets another verdict then
  drop_fragment_hold_full,
  sent_l3dsr,
  sent_local,  // for a service of this host's own: given to its kernel
  sent_nat64,
  sent_nat64_return,
  drop_nat64_untranslatable,
  sent_proxy_header,   // to a backend, with the PROXY protocol header that was due
  replied_syn_cookie,  // to the client
  sent_syn_proxy,      // the SYN to a backend that a client's valid cookie is turned into
  drop_syn_cookie_invalid,
  drop_nat_cannot_adjust,
  drop_backends_full,
  drop_denied,
  drop_source_packets,
  drop_source_connections,
  replied_reset,  // to the client of a TCP flow whose backend is gone
  drop_reset_rate_limited,
  drop_backend_gone,
  count_,
};
inline constexpr std::size_t verdict_count = static_cast<std::size_t>(Verdict::count_);

/// The enumerator's name.
[[nodiscard]] std::string_view to_string(Verdict verdict);
/// One sentence for people: what happened and, for a drop, what to look at.
[[nodiscard]] std::string_view describe(Verdict verdict);

}  // namespace sluice
