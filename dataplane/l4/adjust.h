#pragma once

#include "core/config/snapshot.h"
#include "core/flow/adjust.h"
#include "core/flow/entry.h"
#include "dataplane/l4/flow_memory.h"
#include "dataplane/l4/packet.h"
#include "dataplane/l4/zero_pages.h"

namespace sluice::dataplane {

/// How the two halves of each translated connection differ (core/flow/adjust.h), one record a
/// session, and what that does to packets. Sessions whose `is_adjusted` is 0 have no record.
class Adjustments {
 public:
  explicit Adjustments(const FlowMemory& memory);

  /// The session has been opened by this packet's cookie, which holds these options.
  [[gnu::cold]] void splice(const Packet& packet, const Snapshot& snapshot, NatSession& session,
                            const TcpOptions& cookie) const;
  /// A client's packet, adjusted and sent as send_nat does.
  [[gnu::cold]] void send_to_server(Packet& packet, const Backend& backend,
                                    const Snapshot& snapshot, NatSession& session);
  /// A server's packet of an adjusted session, sent as send_nat_return does.
  [[gnu::cold]] void send_to_client(Packet& packet, const Snapshot& snapshot,
                                    const NatSession& session);
  /// What an ICMP error quotes is put back as its sender has sent it.
  [[gnu::cold]] void restore_quoted_client(Packet& error, const ParsedPacket& quoted,
                                           const NatSession& session) const;
  [[gnu::cold]] void restore_quoted_server(Packet& error, const ParsedPacket& quoted,
                                           const NatSession& session) const;

 private:
  [[nodiscard]] NatAdjust& of(const NatSession& session) const {
    return records_[static_cast<std::size_t>(&session - sessions_.data())];
  }
  [[nodiscard]] bool begin(const Packet& packet, const Snapshot& snapshot,
                           NatSession& session) const;

  std::span<const NatSession> sessions_;
  ZeroPages<NatAdjust> records_;
};

}  // namespace sluice::dataplane
