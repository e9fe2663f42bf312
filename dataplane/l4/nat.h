#pragma once

#include <cstdint>
#include <vector>

#include "core/config/snapshot.h"
#include "dataplane/l4/flow_memory.h"
#include "dataplane/l4/packet.h"
#include "dataplane/l4/steering.h"

namespace sluice::dataplane {

/// The port that the client wrote to. Of a range the server is written to at the same port.
[[nodiscard]] inline Be16 vip_port(const Listener& listener, const NatSession& session) {
  return listener.is_wide ? session.server_port : listener.port.be();
}

/// The NAT sessions of one worker and the table that finds them from a server's answer.
class NatSessions {
 public:
  NatSessions(const FlowMemory& memory, const ReturnSteering& steering, std::uint16_t worker);

  [[nodiscard]] NatSession& at(std::uint32_t number) const { return sessions_[number]; }
  [[nodiscard]] std::uint32_t number_of(const NatSession& session) const {
    return static_cast<std::uint32_t>(&session - sessions_.data());
  }

  /// A new session of a client's packet towards this backend, with a free source port whose answers
  /// come back to this worker. Null: `why` says drop_nat_table_full or drop_nat_ports_exhausted.
  [[nodiscard]] NatSession* open(const Snapshot& snapshot, const Packet& packet,
                                 const Backend& backend, Verdict& why);
  /// Sessions that are open.
  [[nodiscard]] std::size_t size() const { return never_used_ - free_.size(); }
  [[nodiscard]] std::size_t returns4() const { return returns4_.size(); }
  [[nodiscard]] std::size_t returns6() const { return returns6_.size(); }
  /// A half-open session that may give way to a new one, or null when a few looks found none.
  /// The looks go on where the last ones ended, so a session that has just been opened is safe for
  /// a whole round, and in a flood the oldest one goes first.
  [[nodiscard]] NatSession* find_half_open();
  /// The only way to change a session's state: half-open ones are counted.
  void set_state(NatSession& session, FlowState state) {
    half_open_ += static_cast<std::uint32_t>(state == FlowState::opening) -
                  static_cast<std::uint32_t>(session.state == FlowState::opening);
    session.state = state;
  }
  /// Whether half-open sessions take more than their share: an eighth of all there can be.
  [[nodiscard]] bool is_crowded() const { return half_open_ > sessions_.size() / 8; }

  /// After an `open` that found no free port: the half-open session that has had one of those it
  /// tried for longest, or null.
  [[nodiscard]] NatSession* half_open_port() const { return half_open_port_; }
  /// Forgets a session; its source port is free again.
  void close(NatSession& session);

  /// Key and hash of a server's answer, and a prefetch of its bucket.
  [[nodiscard]] std::uint64_t prefetch_return(const Packet& packet) const;
  /// Whether the packet is a server's answer that belongs to this session.
  [[nodiscard]] static bool is_answer(const NatSession& session, const Packet& packet) {
    const ParsedPacket& parsed = packet.parsed;
    return session.server == parsed.source && session.server_port == parsed.source_port &&
           session.source_port == parsed.destination_port &&
           session.source == packet.source_index && session.protocol == parsed.ip_protocol;
  }
  /// The session of a server's answer, or null.
  [[nodiscard]] NatSession* find_return(const Packet& packet) const;
  /// The worker that RSS gives packets with these addresses and ports: of a server's answer, the
  /// one that has the session.
  [[nodiscard]] std::uint16_t rss_worker(const Packet& packet) const;

 private:
  [[nodiscard]] bool claim_port(NatSession& session, const Address& source, Protocol protocol);
  // Null when the key was free and is the session's now; else the session that has it, or `session`
  // itself when the table had no room.
  [[nodiscard]] NatSession* claim_key(NatSession& session, const NatReturnKey& key);
  [[nodiscard]] NatReturnKey return_key(const Packet& packet) const;
  template <typename Entry>
  [[nodiscard]] NatSession* insert_return(ConnectionTable<Entry>& table, const NatReturnKey& key,
                                          NatSession& session);
  template <typename Entry>
  void erase_return(ConnectionTable<Entry>& table, const NatReturnKey& key);

  std::span<NatSession> sessions_;
  ConnectionTable<NatReturn4> returns4_;
  ConnectionTable<NatReturn6> returns6_;
  std::vector<std::uint32_t> free_;  // numbers given back; reserved at start, never grows beyond
  std::uint32_t never_used_ = 0;     // all numbers from here on are free too
  std::uint32_t half_open_ = 0;
  std::uint32_t next_look_ = 0;  // where find_half_open goes on
  std::uint32_t next_pool_ = 0;  // where the last session found its pool address
  NatSession* half_open_port_ = nullptr;
  std::uint64_t seed_ = 0;
  const ReturnSteering& steering_;
  std::uint16_t worker_;
};

}  // namespace sluice::dataplane
