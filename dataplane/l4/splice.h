#pragma once

#include "core/flow/adjust.h"
#include "dataplane/l4/packet.h"

// The two handshakes of a connection whose client has answered a SYN cookie: with the client it is
// over, with the server it begins. Nothing is kept back: each packet of one side becomes the one
// that the other side needs next, and who repeats itself repeats that.

namespace sluice::dataplane {

/// The record for a client whose ACK has brought these options by its cookie.
[[nodiscard]] NatAdjust begin_splice(const Packet& packet, const TcpOptions& cookie);

/// A client's packet, while there is no answer from the server: becomes the SYN to it, in the
/// client's addresses. Gives sent_syn_proxy, or why not.
[[nodiscard]] Verdict replace_by_syn(Packet& packet, const NatAdjust& adjust);

/// Whether a server's packet is part of its handshake.
[[nodiscard]] bool is_answer(const Packet& packet, const NatAdjust& adjust);
/// Such a packet. A SYN-ACK tells the server's number and becomes an announcement to the client: a
/// keep-alive with one byte (RFC 9293 section 3.8.4), which opens the window and makes the client
/// answer, and that answer is the ACK that the server waits for. A refusal becomes a reset that the
/// client obeys. In the server's addresses; gives sent_nat_return, or why not.
[[nodiscard]] Verdict take_answer(Packet& packet, NatAdjust& adjust);

/// The rest of a spliced connection: numbers, windows and timestamps of the other side's view.
void edit_for_server(TcpEdit& tcp, const NatAdjust& adjust);
void edit_for_client(TcpEdit& tcp, const NatAdjust& adjust);

}  // namespace sluice::dataplane
