#pragma once

#include <cstdint>
#include <optional>

#include "core/net/address.h"
#include "core/net/siphash.h"
#include "core/net/tcp_edit.h"
#include "core/net/tcp_options.h"

// SYN cookies (RFC 4987 section 3.6): all that a SYN says is put into the initial sequence number
// of its answer, so that nothing is remembered of who never comes back.
//
//   bits 31 to 8   what the key makes of addresses, ports, the client's number and the tick
//   bits 7 to 5    which of eight MSS, masked likewise, as are
//   bit 4          SACK permitted
//   bits 3 to 0    window scale, 15: none
//
// As in FreeBSD, window scale and SACK need no timestamps, which many clients do not send; whether
// they send them is seen from the last ACK of the handshake itself. A stranger's guess is right
// once in 2^23. The eight option bits are not authenticated: who changes its own hurts itself.

namespace sluice {

/// A cookie is good for one to two ticks of so many seconds; ticks are counted by the caller's
/// clock, modulo 2^32.
inline constexpr std::uint32_t syn_cookie_tick_seconds = 64;

struct SynCookieFlow {
  Address client;
  Address vip;
  Be16 client_port;
  Be16 vip_port;
  TcpSequence client_isn = 0;
};

/// The initial sequence number for the answer to a SYN with these options.
[[nodiscard]] TcpSequence make_syn_cookie(const SipHashKey& key, const SynCookieFlow& flow,
                                          const TcpOptions& options, std::uint32_t tick);

/// The options that an initial sequence number holds, without timestamps: MSS rounded down to one
/// of eight (the smallest, 216, also stands for less), or for a SYN without one the default of its
/// family (RFC 9293 section 3.7.1). Nothing when it is no cookie of this or the last tick.
[[nodiscard]] std::optional<TcpOptions> read_syn_cookie(const SipHashKey& key,
                                                        const SynCookieFlow& flow,
                                                        TcpSequence cookie, std::uint32_t tick);

}  // namespace sluice
