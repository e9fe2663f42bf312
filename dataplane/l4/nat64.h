#pragma once

#include <cstdint>
#include <cstring>

#include "core/config/snapshot.h"
#include "core/flow/entry.h"
#include "dataplane/l4/packet.h"

// The last step of NAT between IPv6 clients and IPv4 servers: as nat's in transmit.h, and into the
// other version of IP.

namespace sluice::dataplane {

/// Of a server's answer: whether its client is one with IPv6.
[[nodiscard]] inline bool is_nat64_return(const Packet& answer, const NatSession& session) {
  constexpr std::uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return answer.parsed.family == Family::ipv4 &&
         std::memcmp(session.client.bytes().data(), mapped, sizeof mapped) != 0;
}

/// Whose flow an error is about.
struct Nat64Flow {
  const NatSession& session;
  std::uint16_t link_mtu_bytes = 0;  // of the link that its client's packets come by
  std::uint16_t identification = 0;  // of an IPv4 packet, where it may be fragmented
};

/// The largest answer of a server that fits the client's link once it is IPv6.
[[nodiscard]] std::uint16_t answer_mtu_bytes(const Packet& answer, std::uint16_t link_mtu_bytes);

/// Client to server. `identification`: of the IPv4 packet, where it may be fragmented.
void send_nat64(Packet& packet, const Backend& backend, const Snapshot& snapshot,
                NatSession& session, std::uint16_t identification);
/// Server to client.
void send_nat64_return(Packet& packet, const Snapshot& snapshot, const NatSession& session);
/// An ICMPv6 error to a VIP.
void send_nat64_error_to_server(Packet& packet, const ParsedPacket& quoted, const Backend& backend,
                                const Snapshot& snapshot, const Nat64Flow& flow);
/// An ICMP error to a source-pool address.
void send_nat64_error_to_client(Packet& packet, const ParsedPacket& quoted,
                                const Snapshot& snapshot, const Nat64Flow& flow);

}  // namespace sluice::dataplane
