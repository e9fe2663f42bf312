#include "dataplane/l4/fragments.h"

#include "core/net/wire.h"

namespace sluice::dataplane {
namespace {

// The protocol above a later IPv6 fragment is its first one's to say: header and extension headers
// behind the fragment header may differ (RFC 8200 section 4.5).
FragmentKey key_of(const ParsedPacket& parsed) {
  return {.source = parsed.source,
          .destination = parsed.destination,
          .identification = parsed.identification,
          .protocol = parsed.family == Family::ipv4 ? parsed.ip_protocol : std::uint8_t{0}};
}

// Whether the first fragment of a later one may have been of TCP or UDP.
bool may_have_ports(const ParsedPacket& later) {
  if (later.family == Family::ipv6) return later.ip_protocol != wire::protocol_icmpv6;
  return later.ip_protocol == wire::protocol_tcp || later.ip_protocol == wire::protocol_udp;
}

void take_ports(ParsedPacket& later, const FirstFragment& first) {
  later.source_port = first.source_port;
  later.destination_port = first.destination_port;
  later.ip_protocol = first.protocol;
  later.layer4 = first.protocol == wire::protocol_tcp ? Layer4::tcp : Layer4::udp;
  later.tcp_flags = first.tcp_flags;
}

// Whose a packet with these ports is: as `classify` decides it for whole ones, which pay nothing
// for sharing it with fragments.
[[gnu::cold]] void classify_by_ports(const Snapshot& snapshot, Packet& packet) {
  const ParsedPacket& parsed = packet.parsed;
  const auto* listener =
      snapshot.vips.find(parsed.destination, parsed.destination_port, Protocol{parsed.ip_protocol});
  const OwnAddress* own = snapshot.vips.find(parsed.destination);
  if (listener != nullptr) {
    packet.role = Role::flow;
    packet.listener = listener->id;
  } else if (own == nullptr || own->is_vip) {
    packet.verdict = Verdict::drop_no_listener;
  } else {
    packet.role = Role::nat_return;
    packet.source_index = own->source_index;
  }
}

}  // namespace

Fragments::Fragments(std::uint64_t seed, WorkerCounters& counters)
    : table_(buckets, seed), counters_(counters) {}

void Fragments::classify(const Snapshot& snapshot, Packet& packet) {
  ParsedPacket& parsed = packet.parsed;
  packet.role = Role::none;
  const FragmentKey key = key_of(parsed);
  if (parsed.has_ports) {
    classify_by_ports(snapshot, packet);
    if (packet.role == Role::none) return;
    const bool gave_way = table_.remember(key,
                                          {.source_port = parsed.source_port,
                                           .destination_port = parsed.destination_port,
                                           .protocol = parsed.ip_protocol,
                                           .tcp_flags = parsed.tcp_flags},
                                          now_ns_);
    if (gave_way) ++counters_.fragments_evicted;
    has_new_first_ = true;
    return;
  }
  // A first fragment with a layer 4 that has no ports, or a later one of it.
  if (parsed.layer4 != Layer4::none || !may_have_ports(parsed)) {
    packet.verdict = Verdict::drop_fragment;
    return;
  }
  const FirstFragment* first = table_.find(key, now_ns_);
  if (first == nullptr) {
    hold(key, packet);
    return;
  }
  take_ports(parsed, *first);
  classify_by_ports(snapshot, packet);
}

void Fragments::hold(const FragmentKey& key, Packet& packet) {
  packet.verdict = Verdict::drop_fragment_unknown;
  if (packet.has_waited) return;
  const auto slot = held_.add(key, now_ns_);
  packet.verdict = slot ? Verdict::held_fragment : Verdict::drop_fragment_hold_full;
  packet.hold_slot = slot.value_or(0);
}

}  // namespace sluice::dataplane
