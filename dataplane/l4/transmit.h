#pragma once

#include <cstdint>

#include "core/config/snapshot.h"
#include "core/flow/entry.h"
#include "core/limit/token_bucket.h"
#include "dataplane/l4/packet.h"
#include "dataplane/l4/reframe.h"

// The last step: turns the frame into what goes on the wire and sets verdict and out_port.

namespace sluice::dataplane {

/// ICMP errors that one worker sends, so that a flood of big packets is not answered by a flood.
inline constexpr std::uint64_t icmp_errors_per_second = 1'000;

/// `flow_hash` is hash_flow's; of no meaning where the backend's `outer` needs none.
void send_tunnel(Packet& packet, const Backend& backend, std::uint64_t flow_hash);
/// The same for Sending::plain_ipip.
inline void send_plain_ipip(Packet& packet, const Backend& backend) {
  if (!reframe(packet, backend.outer.length_bytes())) return;
  backend.outer.write_plain_ipip(ip_header(packet),
                                 {.family = packet.parsed.family,
                                  .traffic_class = packet.parsed.traffic_class,
                                  .length_bytes = packet.parsed.ip_length_bytes});
  send_tunnelled(packet, Verdict::sent_ipip, backend);
}
void send_l2dsr(Packet& packet, const Backend& backend);
void send_l3dsr(Packet& packet, const Backend& backend);
/// Client to server. Notes in the session by which hop the client's packets come, for the way back.
void send_nat(Packet& packet, const Backend& backend, const Snapshot& snapshot,
              NatSession& session);
/// Server to client.
void send_nat_return(Packet& packet, const Snapshot& snapshot, const NatSession& session);
/// An ICMP error to a VIP, translated for the server as its flow's packets are.
void send_error_to_server(Packet& packet, const ParsedPacket& quoted, const Backend& backend,
                          const Snapshot& snapshot, const NatSession& session);
/// An ICMP error to a source-pool address, translated for the client of this session.
void send_error_to_client(Packet& packet, const ParsedPacket& quoted, const Snapshot& snapshot,
                          const NatSession& session);
void reply_echo(Packet& packet);
/// Tells the sender which size fits, or drops.
void reply_too_big(Packet& packet, std::uint16_t mtu_bytes, TokenBucket& errors,
                   std::uint64_t now_ns);

}  // namespace sluice::dataplane
