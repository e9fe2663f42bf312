#include "core/net/syn_cookie.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice {
namespace {

// The largest that a client usually asks for, and what tunnels and PPPoE leave of it: 1460 and 1440
// are Ethernet's for IPv4 and IPv6, 8940 fits jumbo frames of both.
constexpr std::array<std::uint16_t, 8> mss_classes = {216,   536,   1'200, 1'360,
                                                      1'400, 1'440, 1'460, 8'940};
constexpr std::uint16_t mss_default_ipv4 = 536;
constexpr std::uint16_t mss_default_ipv6 = 1'220;
constexpr std::uint8_t no_window_scale = 15;
constexpr std::uint8_t sack_bit = 0x10;

std::uint64_t hash_of(const SipHashKey& key, const SynCookieFlow& flow, std::uint32_t tick) {
  struct Input {
    std::array<std::uint8_t, 16> client, vip;
    Be16 client_port, vip_port;
    Be32 client_isn, tick;
  };
  static_assert(sizeof(Input) == 44);
  const Input input{flow.client.bytes(),
                    flow.vip.bytes(),
                    flow.client_port,
                    flow.vip_port,
                    Be32::from_host(flow.client_isn),
                    Be32::from_host(tick)};
  return siphash(key, {reinterpret_cast<const std::uint8_t*>(&input), sizeof input});
}

std::uint8_t bits_of(const TcpOptions& options, Family family) {
  const std::uint16_t mss =
      options.mss_bytes.value_or(family == Family::ipv4 ? mss_default_ipv4 : mss_default_ipv6);
  const auto above = std::ranges::upper_bound(mss_classes, mss);
  const auto mss_class = std::max<std::ptrdiff_t>(above - mss_classes.begin() - 1, 0);
  return static_cast<std::uint8_t>(mss_class << 5 | (options.sack_permitted ? sack_bit : 0) |
                                   options.window_scale.value_or(no_window_scale));
}

TcpOptions options_of(std::uint8_t bits) {
  TcpOptions out;
  out.mss_bytes = mss_classes[bits >> 5];
  out.sack_permitted = (bits & sack_bit) != 0;
  if ((bits & 0xf) != no_window_scale) out.window_scale = bits & 0xf;
  return out;
}

}  // namespace

TcpSequence make_syn_cookie(const SipHashKey& key, const SynCookieFlow& flow,
                            const TcpOptions& options, std::uint32_t tick) {
  return static_cast<TcpSequence>(hash_of(key, flow, tick)) ^
         bits_of(options, flow.client.family());
}

std::optional<TcpOptions> read_syn_cookie(const SipHashKey& key, const SynCookieFlow& flow,
                                          TcpSequence cookie, std::uint32_t tick) {
  for (const std::uint32_t then : {tick, tick - 1}) {
    const TcpSequence difference = cookie ^ static_cast<TcpSequence>(hash_of(key, flow, then));
    if (difference <= 0xff) return options_of(static_cast<std::uint8_t>(difference));
  }
  return std::nullopt;
}

}  // namespace sluice
