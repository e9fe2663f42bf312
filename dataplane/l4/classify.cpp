#include "dataplane/l4/classify.h"

#include "core/net/wire.h"

namespace sluice::dataplane {
namespace {

bool is_echo_request(const ParsedPacket& parsed) {
  return (parsed.layer4 == Layer4::icmp && parsed.icmp_type == wire::icmp_echo_request) ||
         (parsed.layer4 == Layer4::icmpv6 && parsed.icmp_type == wire::icmpv6_echo_request);
}

bool is_icmp(const ParsedPacket& parsed) {
  return parsed.layer4 == Layer4::icmp || parsed.layer4 == Layer4::icmpv6;
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

}  // namespace

void classify(const Snapshot& snapshot, Packet& packet) {
  packet.role = Role::none;
  packet.verdict = parse({packet.data, packet.length_bytes}, packet.parsed);
  if (packet.verdict != Verdict::none) return;
  const ParsedPacket& parsed = packet.parsed;
  if (parsed.has_ports && !parsed.is_fragment) {
    const Protocol protocol = parsed.layer4 == Layer4::tcp ? Protocol::tcp : Protocol::udp;
    if (const auto* listener =
            snapshot.vips.find(parsed.destination, parsed.destination_port, protocol)) {
      packet.role = listener->is_local ? Role::local : Role::flow;
      packet.listener = listener->id;
      return;
    }
  }
  if (const OwnAddress* own = snapshot.vips.find(parsed.destination))
    classify_own(*own, packet);
  else
    packet.verdict = Verdict::passed_to_kernel;
}

}  // namespace sluice::dataplane
