#pragma once

#include <cstdint>
#include <optional>

#include "core/config/snapshot.h"
#include "core/net/syn_cookie.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// The window scale by which a client that proved itself by a cookie reads windows: chosen before
/// there is a server to ask. Linux's usual one.
inline constexpr std::uint8_t cookie_window_scale = 7;

/// Of services with SYN cookies: answers SYNs without remembering them, and lets in who shows that
/// it got the answer. One per worker.
class SynGate {
 public:
  explicit SynGate(const SipHashKey& key) : key_(key) {}

  void set_now(std::uint64_t now_ns) { now_ns_ = now_ns; }

  /// About a client's packet of no known flow. none: it opens a session as without cookies.
  /// sent_syn_proxy: it opens one by its cookie. replied_syn_cookie: `reply` is due. Else a drop.
  /// `is_crowded`: there are many half-open sessions.
  [[nodiscard]] Verdict judge(const Service& service, const Packet& packet, bool is_crowded);
  /// What the cookie says that this packet acknowledges; nothing when it is none.
  [[nodiscard]] std::optional<TcpOptions> read(const Packet& packet) const;
  /// Turns a SYN into its answer, whose window is closed: there is nobody yet to read.
  /// `backend`: the one that would have got the SYN.
  void reply(Packet& packet, const Backend& backend) const;

 private:
  [[nodiscard]] std::uint32_t tick() const;

  SipHashKey key_;
  std::uint64_t now_ns_ = 0;
  std::uint32_t last_reply_tick_ = 0;
  bool has_replied_ = false;
};

}  // namespace sluice::dataplane
