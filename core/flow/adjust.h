#pragma once

#include <cstdint>

#include "core/net/tcp_edit.h"

// How the two halves of a translated TCP connection differ beyond addresses: bytes that we put into
// the client's stream (PROXY protocol), and sequence numbers that we gave the client before there
// was a server (SYN cookies). Plain arithmetic on sequence numbers; dataplane/l4/adjust changes the
// packets by it.

namespace sluice {

/// What has become of the bytes that go in front of the client's.
enum class Preface : std::uint8_t {
  none,  // there are none
  due,   // the server has not got them, as far as its last packet tells
  sent,  // on the way since
  taken  // acknowledged
};

/// Where the connection to the server stands that we open once the client has answered a cookie.
enum class Splice : std::uint8_t {
  none,        // the client's own SYN went to the server
  connecting,  // our SYN is on the way
  joined       // the server's SYN-ACK has told its sequence number
};

/// One a session, in a table of its own beside the sessions: only services that need it touch it.
/// Sequence numbers are the client's view unless they are called the server's.
struct alignas(32) NatAdjust {
  TcpSequence client_isn = 0;
  TcpSequence server_isn = 0;      // as the client knows it; with a splice
  TcpSequence server_offset = 0;   // added to the server's sequence numbers for the client
  TcpSequence server_ack = 0;      // while the preface is due or sent: the server's last one
  std::uint32_t time_offset = 0;   // added to the server's timestamps; connecting: what the
                                   // first must become
  std::uint16_t mss_bytes = 0;     // with a splice: the client's
  std::uint8_t client_scale = 0;   // with a splice: the client's window scale, or no_scale
  std::uint8_t server_scale = 0;   // with a splice: the server's
  std::uint8_t preface_bytes = 0;  // even
  Preface preface = Preface::none;
  Splice splice = Splice::none;
  bool has_sack : 1 = false;        // with a splice: the client permits it
  bool has_timestamps : 1 = false;  // with a splice: the client sends them

  static constexpr std::uint8_t no_scale = 0xff;

  [[nodiscard]] bool owes_preface() const {
    return preface == Preface::due || preface == Preface::sent;
  }
  /// The number of the client's first byte.
  [[nodiscard]] constexpr TcpSequence first_byte() const { return client_isn + 1; }
  /// For the server, of any segment but a SYN.
  [[nodiscard]] TcpSequence sequence_for_server(TcpSequence client) const {
    return preface == Preface::none ? client : client + preface_bytes;
  }
  /// For the client: never more than what it has sent.
  [[nodiscard]] TcpSequence ack_for_client(TcpSequence server) const {
    if (preface == Preface::none) return server;
    const bool inside = owes_preface() && server - first_byte() < preface_bytes;
    return inside ? first_byte() : server - preface_bytes;
  }
  /// Notes an acknowledgement of the server.
  void see_server_ack(TcpSequence server) {
    if (!owes_preface()) return;
    server_ack = server;
    // Half the number space is ahead (RFC 9293 section 3.4).
    const auto ahead = static_cast<std::int32_t>(server - first_byte());
    preface = ahead >= preface_bytes ? Preface::taken : Preface::due;
  }
};
static_assert(sizeof(NatAdjust) == 32);

/// A client's segment without SYN or RST, while the server has not acknowledged the preface.
struct ClientSegment {
  TcpSequence sequence = 0;
  bool is_empty = true;  // no payload
  bool has_room = true;  // preface and payload together fit every link on the way
};

/// What becomes of it. A client may repeat or reorder anything, and packets get lost:
///
///   starts at                  | with room | without, preface due | without, preface sent
///   the client's first byte    | before it | instead              | untouched
///   before it (a keep-alive)   | instead   | instead              | instead
///   later, without payload     | untouched | instead            | untouched
///   later, with payload        | untouched | untouched            | untouched
///
/// A keep-alive may have a byte (RFC 9293 section 3.8.4), which the server would take for the last
/// one of the preface. Of a later payload the server sees that something is missing before it.
enum class PrefacePlace : std::uint8_t {
  untouched,   // shifted like all later segments
  in_front,    // of the payload, or of the FIN
  instead_of,  // payload and FIN go; the client sends them again
};
[[nodiscard]] constexpr PrefacePlace place_preface(const NatAdjust& adjust,
                                                   const ClientSegment& segment) {
  const bool is_due = adjust.preface == Preface::due;
  if (segment.sequence == adjust.first_byte()) {
    if (segment.has_room) return PrefacePlace::in_front;
    return is_due ? PrefacePlace::instead_of : PrefacePlace::untouched;
  }
  if (static_cast<std::int32_t>(segment.sequence - adjust.first_byte()) < 0)
    return PrefacePlace::instead_of;
  return is_due && segment.is_empty ? PrefacePlace::instead_of : PrefacePlace::untouched;
}

}  // namespace sluice
