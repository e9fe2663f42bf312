#include "core/flow/verdict.h"

namespace sluice {
namespace {

struct Text {
  std::string_view name;
  std::string_view sentence;
};

// long: a table, two lines a verdict; the switch makes the compiler ask for each.
Text text_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::none:
      return {"none", "not decided"};
    case Verdict::sent_ipip:
      return {"sent_ipip", "sent to a backend in an IP tunnel"};
    case Verdict::sent_l2dsr:
      return {"sent_l2dsr", "sent to a backend with a new link address"};
    case Verdict::sent_nat:
      return {"sent_nat", "sent to a backend with both addresses translated"};
    case Verdict::sent_nat_return:
      return {"sent_nat_return", "a backend's answer, translated and sent to the client"};
    case Verdict::replied_echo:
      return {"replied_echo", "an echo request to a VIP, answered"};
    case Verdict::replied_too_big:
      return {"replied_too_big",
              "too big for the path to the backend; the sender was told the size that fits"};
    case Verdict::passed_to_kernel:
      return {"passed_to_kernel", "not for a service; given to the kernel of this host"};
    case Verdict::handed_over:
      return {"handed_over", "given to the worker that owns the NAT session"};
    case Verdict::drop_truncated:
      return {"drop_truncated", "shorter than its headers say"};
    case Verdict::drop_bad_ip_header:
      return {"drop_bad_ip_header", "the IP header contradicts itself"};
    case Verdict::drop_bad_tcp_header:
      return {"drop_bad_tcp_header", "the TCP header length is impossible"};
    case Verdict::drop_bad_udp_header:
      return {"drop_bad_udp_header", "the UDP length is impossible"};
    case Verdict::drop_mapped_address:
      return {"drop_mapped_address",
              "an IPv6 packet with an IPv4-mapped address, which must not be on a wire"};
    case Verdict::drop_fragment:
      return {"drop_fragment", "a fragment for an address of ours of a protocol that has no ports"};
    case Verdict::drop_ttl_exceeded:
      return {"drop_ttl_exceeded", "its time to live ran out here; look for a forwarding loop"};
    case Verdict::drop_too_big:
      return {"drop_too_big", "too big for the path to the backend, and the sender cannot be told"};
    case Verdict::drop_icmp_unsupported:
      return {"drop_icmp_unsupported",
              "an ICMP message for a VIP that is neither an echo request nor an error"};
    case Verdict::drop_no_listener:
      return {"drop_no_listener", "for a VIP, but no service has this protocol and port"};
    case Verdict::drop_no_backend:
      return {"drop_no_backend", "the service has no backend that takes flows"};
    case Verdict::drop_no_path:
      return {"drop_no_path", "the kernel knows no route or neighbour for the backend"};
    case Verdict::drop_nat_unknown_flow:
      return {"drop_nat_unknown_flow", "for a source-pool address, but of no flow we know"};
    case Verdict::drop_nat_ports_exhausted:
      return {"drop_nat_ports_exhausted",
              "no free source port towards this backend; add addresses to source_pool"};
    case Verdict::drop_nat_table_full:
      return {"drop_nat_table_full",
              "no room for another NAT session, and none is half-open; raise flows_max"};
    case Verdict::drop_no_headroom:
      return {"drop_no_headroom", "no room in the buffer for another header"};
    case Verdict::drop_tx_full:
      return {"drop_tx_full", "the port's transmit queue is full"};
    case Verdict::drop_hand_over_full:
      return {"drop_hand_over_full", "the owning worker's queue is full"};
    case Verdict::drop_icmp_rate_limited:
      return {"drop_icmp_rate_limited", "an answer by ICMP was due but over the rate limit"};
    case Verdict::sent_icmp_error:
      return {"sent_icmp_error",
              "an ICMP error to a VIP, sent to the backend whose flow it is about"};
    case Verdict::sent_icmp_error_return:
      return {"sent_icmp_error_return",
              "an ICMP error about a translated packet, translated back and sent to its client"};
    case Verdict::drop_icmp_bad_quote:
      return {"drop_icmp_bad_quote", "an ICMP error that quotes no TCP or UDP packet we can read"};
    case Verdict::drop_icmp_unknown_flow:
      return {"drop_icmp_unknown_flow", "an ICMP error about no listener or NAT session of ours"};
    case Verdict::sent_gue:
      return {"sent_gue", "sent to a backend in a GUE tunnel"};
    case Verdict::sent_gre:
      return {"sent_gre", "sent to a backend in a GRE tunnel"};
    case Verdict::drop_fragment_unknown:
      return {"drop_fragment_unknown",
              "a later fragment, but its first one has not been seen by this worker of late"};
    case Verdict::replied_reset:
      return {"replied_reset", "of a TCP flow whose backend is gone; its client was sent a reset"};
    case Verdict::drop_reset_rate_limited:
      return {"drop_reset_rate_limited",
              "an answer by a TCP reset was due but over the rate limit"};
    case Verdict::drop_backend_gone:
      return {"drop_backend_gone",
              "of a TCP flow whose backend is gone, and such a packet is not answered by a reset"};
    case Verdict::held_fragment:
      return {"held_fragment", "a later fragment that came early and waits for its first one"};
    case Verdict::drop_fragment_hold_full:
      return {"drop_fragment_hold_full",
              "a later fragment that came early, but too many wait for their first one already"};
    case Verdict::sent_l3dsr:
      return {"sent_l3dsr", "sent to a backend with a new destination and the DSCP of its VIP"};
    case Verdict::sent_local:
      return {"sent_local", "for a service of this host; given to its kernel"};
    case Verdict::sent_nat64:
      return {"sent_nat64", "sent to an IPv4 backend, translated from IPv6"};
    case Verdict::sent_nat64_return:
      return {"sent_nat64_return", "an IPv4 backend's answer, translated and sent to the client"};
    case Verdict::drop_nat64_untranslatable:
      return {"drop_nat64_untranslatable",
              "its headers have no form in the other version of IP (RFC 7915)"};
    case Verdict::sent_proxy_header:
      return {"sent_proxy_header", "sent to a backend with a PROXY protocol header in front"};
    case Verdict::replied_syn_cookie:
      return {"replied_syn_cookie", "a SYN, answered by a SYN cookie: nothing was remembered"};
    case Verdict::sent_syn_proxy:
      return {"sent_syn_proxy",
              "a client proved its address by a SYN cookie; a SYN went on to a backend for it"};
    case Verdict::drop_syn_cookie_invalid:
      return {"drop_syn_cookie_invalid",
              "of no flow we know and without a valid SYN cookie; a flood, or a very late client"};
    case Verdict::drop_nat_cannot_adjust:
      return {"drop_nat_cannot_adjust",
              "a TCP segment of a translated flow that cannot be what comes next, or a fragment "
              "where a PROXY protocol header is due"};
    case Verdict::drop_backends_full:
      return {"drop_backends_full",
              "every backend has as many flows as its max_connections allows: raise it, or add "
              "backends"};
    case Verdict::drop_denied:
      return {"drop_denied", "its source is on a deny list, or not on the allow list"};
    case Verdict::drop_source_packets:
      return {"drop_source_packets",
              "its source sends more than the service's source_packets_per_second"};
    case Verdict::drop_source_connections:
      return {"drop_source_connections",
              "its source opens or has more connections than the service allows one"};
    case Verdict::count_:
      break;
  }
  return {"unknown", "unknown"};
}

}  // namespace

std::string_view to_string(Verdict verdict) { return text_of(verdict).name; }
std::string_view describe(Verdict verdict) { return text_of(verdict).sentence; }

}  // namespace sluice
