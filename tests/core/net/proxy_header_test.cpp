#include "core/net/proxy_header.h"

#include <gtest/gtest.h>

#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::ip;

std::string header(const Address& client, const Address& vip) {
  std::array<std::uint8_t, proxy_header_bytes_max> buffer{};
  return test::hex(write_proxy_header({.client = client,
                                       .vip = vip,
                                       .client_port = Be16::from_host(40'000),
                                       .vip_port = Be16::from_host(443)},
                                      buffer));
}

// As proxy-protocol.txt section 2.2 lays it out.
TEST(ProxyHeader, OfIpv4) {
  EXPECT_EQ(header(ip("198.51.100.7"), ip("203.0.113.10")),
            "0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 21 11 00 0c "
            "c6 33 64 07 cb 00 71 0a 9c 40 01 bb ");
}

TEST(ProxyHeader, OfIpv6) {
  EXPECT_EQ(header(ip("2001:db8:c::7"), ip("2001:db8::10")),
            "0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 21 21 00 24 "
            "20 01 0d b8 00 0c 00 00 00 00 00 00 00 00 00 07 "
            "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 10 9c 40 01 bb ");
}

}  // namespace
}  // namespace sluice
