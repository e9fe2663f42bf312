#include "dataplane/l4/fragments.h"

#include "core/net/wire.h"
#include "dataplane/l4/gauge.h"
#include "dataplane/l4/wide.h"

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

// Whether the first fragment of a later one may have had ports.
bool may_have_ports(const ParsedPacket& later) {
  if (later.family == Family::ipv6) return later.ip_protocol != wire::protocol_icmpv6;
  return has_ports(Protocol{later.ip_protocol});
}

Layer4 layer4_of(Protocol protocol) {
  if (protocol == Protocol::tcp) return Layer4::tcp;
  return protocol == Protocol::udp ? Layer4::udp : Layer4::sctp;
}

void take_ports(ParsedPacket& later, const FirstFragment& first) {
  later.source_port = first.source_port;
  later.destination_port = first.destination_port;
  later.ip_protocol = first.protocol;
  later.layer4 = layer4_of(Protocol{first.protocol});
  later.tcp_flags = first.tcp_flags;
}

// Whose a packet with these ports is: as `classify` decides it for whole ones, which pay nothing
// for sharing it with fragments.
[[gnu::cold]] void classify_by_ports(const Snapshot& snapshot, Packet& packet) {
  if (claim_flow(snapshot, packet, true)) return;
  const OwnAddress* own = snapshot.vips.find(packet.parsed.destination);
  if (own == nullptr || own->is_vip) {
    packet.verdict = Verdict::drop_no_listener;
  } else {
    packet.role = Role::nat_return;
    packet.source_index = own->source_index;
  }
}

// A fragment of SCTP cannot be translated: the CRC in the first one covers the others too, and they
// are not here.
bool is_untranslatable(const Snapshot& snapshot, const Packet& packet) {
  if (packet.parsed.layer4 != Layer4::sctp) return false;
  if (packet.role == Role::nat_return) return true;
  const Listener& listener = snapshot.listeners[packet.listener];
  return snapshot.services[listener.service].forward == Forward::nat;
}

void refuse(Packet& packet, Verdict verdict) {
  packet.role = Role::none;
  packet.verdict = verdict;
}

bool is_layer3_flow(const Snapshot& snapshot, const Packet& packet) {
  return packet.is_wide && snapshot.listeners[packet.listener].protocol == Protocol::any;
}

}  // namespace

Fragments::Fragments(std::uint64_t seed, WorkerCounters& counters)
    : table_(buckets, seed), counters_(counters) {}

void Fragments::age() {
  for (std::size_t i = 0; i < buckets_counted_per_step; ++i) {
    used_so_far_ += table_.used_in(sweep_, now_ns_);
    if (++sweep_ < buckets) continue;
    show_use(counters_, TableKind::fragments, used_so_far_, buckets * FragmentTable::ways);
    sweep_ = 0;
    used_so_far_ = 0;
  }
}

void Fragments::classify(const Snapshot& snapshot, Packet& packet) {
  ParsedPacket& parsed = packet.parsed;
  packet.role = Role::none;
  const FragmentKey key = key_of(parsed);
  if (parsed.has_ports) {
    const FirstFragment first{.source_port = parsed.source_port,
                              .destination_port = parsed.destination_port,
                              .protocol = parsed.ip_protocol,
                              .tcp_flags = parsed.tcp_flags};
    classify_by_ports(snapshot, packet);
    if (packet.role == Role::none || is_layer3_flow(snapshot, packet)) return;
    if (table_.remember(key, first, now_ns_)) ++counters_.fragments_evicted;
    has_new_first_ = true;
  } else {
    // A first fragment with a layer 4 that has no ports, or a later one of it.
    const bool is_portless = parsed.layer4 != Layer4::none || !may_have_ports(parsed);
    const FirstFragment* known = is_portless ? nullptr : table_.find(key, now_ns_);
    if (known == nullptr) {
      // Of a service for any protocol, since another's would be known: or too early for that one.
      if (claim_wide(snapshot, packet, false)) return;
      if (is_portless)
        refuse(packet, Verdict::drop_fragment);
      else
        hold(key, packet);
      return;
    }
    take_ports(parsed, *known);
    classify_by_ports(snapshot, packet);
    if (packet.role == Role::none) return;
  }
  if (is_untranslatable(snapshot, packet)) refuse(packet, Verdict::drop_fragment);
}

void Fragments::hold(const FragmentKey& key, Packet& packet) {
  packet.verdict = Verdict::drop_fragment_unknown;
  if (packet.has_waited) return;
  const auto slot = held_.add(key, now_ns_);
  packet.verdict = slot ? Verdict::held_fragment : Verdict::drop_fragment_hold_full;
  packet.hold_slot = slot.value_or(0);
}

}  // namespace sluice::dataplane
