#include "core/net/proxy_header.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::array<std::uint8_t, 12> signature = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                    0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr std::uint8_t version_2_proxy = 0x21;
constexpr std::uint8_t tcp_over_ipv4 = 0x11;
constexpr std::uint8_t tcp_over_ipv6 = 0x21;
constexpr std::size_t fixed_bytes = 16;  // signature, version, family and length

std::uint8_t* put(std::uint8_t* to, const Address& address) {
  const std::span bytes(address.bytes());
  const auto wanted = address.is_ipv4() ? bytes.subspan(12) : bytes.subspan(0);
  return std::ranges::copy(wanted, to).out;
}

}  // namespace

std::span<const std::uint8_t> write_proxy_header(
    const ProxiedConnection& connection, std::span<std::uint8_t, proxy_header_bytes_max> to) {
  const std::size_t whole = proxy_header_bytes(connection.client.family());
  std::uint8_t* at = std::ranges::copy(signature, to.data()).out;
  *at++ = version_2_proxy;
  *at++ = connection.client.is_ipv4() ? tcp_over_ipv4 : tcp_over_ipv6;
  at = std::ranges::copy(Be16::from_host(static_cast<std::uint16_t>(whole - fixed_bytes)).bytes, at)
           .out;
  at = put(at, connection.client);
  at = put(at, connection.vip);
  at = std::ranges::copy(connection.client_port.bytes, at).out;
  std::ranges::copy(connection.vip_port.bytes, at);
  return to.first(whole);
}

}  // namespace sluice
