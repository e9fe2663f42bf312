#pragma once

#include "core/config/snapshot.h"
#include "core/net/parse_usual.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// The same as `classify`, for packets that are not usual or of no exact listener. `is_parsed`: the
/// frame has been, with success.
void classify_other(const Snapshot& snapshot, Packet& packet, bool is_parsed);

/// Makes the packet an exact listener's flow, if its destination is one's.
[[nodiscard]] [[gnu::always_inline]] inline bool claim_exact(const Snapshot& snapshot,
                                                             Packet& packet) {
  const ParsedPacket& parsed = packet.parsed;
  const VipTable::Listener* listener =
      snapshot.vips.find(parsed.destination, parsed.destination_port, Protocol{parsed.ip_protocol});
  if (listener == nullptr) return false;
  packet.role = listener->is_local ? Role::local : Role::flow;
  packet.is_wide = false;
  packet.listener = listener->id;
  packet.service = listener->service;
  packet.guards = listener->guards;
  return true;
}

/// Parses the frame and decides whose it is: sets `role` and what goes with it, or a final verdict.
[[gnu::always_inline]] inline void classify(const Snapshot& snapshot, Packet& packet) {
  packet.verdict = Verdict::none;
  const bool is_usual = parse_usual({packet.data, packet.length_bytes}, packet.parsed);
  if (is_usual && claim_exact(snapshot, packet)) [[likely]]
    return;
  classify_other(snapshot, packet, is_usual);
}

}  // namespace sluice::dataplane
