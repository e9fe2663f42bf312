#include "dataplane/l4/classify.h"

#include "core/net/wire.h"
#include "dataplane/l4/wide.h"

namespace sluice::dataplane {
namespace {

bool is_echo_request(const ParsedPacket& parsed) {
  return (parsed.layer4 == Layer4::icmp && parsed.icmp_type == wire::icmp_echo_request) ||
         (parsed.layer4 == Layer4::icmpv6 && parsed.icmp_type == wire::icmpv6_echo_request);
}

bool is_icmp(const ParsedPacket& parsed) {
  return parsed.layer4 == Layer4::icmp || parsed.layer4 == Layer4::icmpv6;
}

// How the kernel finds its neighbours is never a service's (RFC 4861 section 4).
bool is_neighbour_discovery(const ParsedPacket& parsed) {
  return parsed.layer4 == Layer4::icmpv6 && parsed.icmp_type >= wire::icmpv6_router_solicitation &&
         parsed.icmp_type <= wire::icmpv6_redirect;
}

// For an address of ours that is no listener's: what is left to do with the packet.
void classify_own(const OwnAddress& own, Packet& packet) {
  const ParsedPacket& parsed = packet.parsed;
  if (parsed.is_fragment) {
    packet.role = Role::fragment;
  } else if (own.is_vip) {
    if (is_echo_request(parsed))
      packet.role = Role::echo;
    else if (is_icmp_error(parsed))
      packet.role = Role::vip_error;
    else
      packet.verdict = is_icmp(parsed) ? Verdict::drop_icmp_unsupported : Verdict::drop_no_listener;
  } else if (parsed.has_ports) {
    packet.role = Role::nat_return;
    packet.source_index = own.source_index;
  } else if (is_icmp_error(parsed)) {
    packet.role = Role::pool_error;
    packet.source_index = own.source_index;
  } else {
    // The kernel has this address too and answers pings to it.
    packet.verdict = Verdict::passed_to_kernel;
  }
}

// Where no exact listener takes the packet. False when none of these services has the address.
[[gnu::noinline]] bool classify_wide(const Snapshot& snapshot, Packet& packet) {
  const ParsedPacket& parsed = packet.parsed;
  if (!parsed.is_fragment && !is_icmp_error(parsed) && !is_neighbour_discovery(parsed) &&
      claim_wide(snapshot, packet, parsed.has_ports))
    return true;
  if (!snapshot.wide.covers(parsed.destination)) return false;
  classify_own({.address = parsed.destination, .used = true, .is_vip = true}, packet);
  return true;
}

}  // namespace

void classify_other(const Snapshot& snapshot, Packet& packet, bool is_parsed) {
  packet.role = Role::none;
  if (!is_parsed) packet.verdict = parse({packet.data, packet.length_bytes}, packet.parsed);
  const ParsedPacket& parsed = packet.parsed;
  if (packet.verdict != Verdict::none) {
    if (parsed.layer4 == Layer4::other && !snapshot.wide.empty())
      (void)claim_wide(snapshot, packet, false);
    return;
  }
  // What is usual is here because no exact listener takes it.
  if (!is_parsed && parsed.has_ports && !parsed.is_fragment && claim_exact(snapshot, packet))
    return;
  if (!snapshot.wide.empty() && classify_wide(snapshot, packet)) return;
  if (const OwnAddress* own = snapshot.vips.find(parsed.destination))
    classify_own(*own, packet);
  else
    packet.verdict = Verdict::passed_to_kernel;
}

}  // namespace sluice::dataplane
