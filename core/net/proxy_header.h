#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/net/address.h"

namespace sluice {

/// How long the header of the PROXY protocol, version 2, is for TCP over this family.
[[nodiscard]] constexpr std::uint8_t proxy_header_bytes(Family family) {
  return family == Family::ipv4 ? 28 : 52;
}
inline constexpr std::size_t proxy_header_bytes_max = 52;

/// Who is connected to whom, as the client sees it; both addresses of one family.
struct ProxiedConnection {
  Address client;
  Address vip;
  Be16 client_port;
  Be16 vip_port;
};

/// The header that tells a server of a TCP connection (HAProxy's proxy-protocol.txt, section 2.2:
/// command PROXY, no TLVs). Gives the part of `to` that it fills.
[[nodiscard]] std::span<const std::uint8_t> write_proxy_header(
    const ProxiedConnection& connection, std::span<std::uint8_t, proxy_header_bytes_max> to);

}  // namespace sluice
