#include "core/net/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::ip;
using test::random_address;

// What the C library makes of the same bytes: a second opinion on the text.
std::string text_by_libc(const Address& address) {
  char text[INET6_ADDRSTRLEN];
  if (address.is_ipv4()) {
    const Be32 bytes = address.ipv4();
    return inet_ntop(AF_INET, &bytes, text, sizeof text);
  }
  return inet_ntop(AF_INET6, address.bytes().data(), text, sizeof text);
}

TEST(Address, RandomIpv4TextsRoundTripAndAgreeWithLibc) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const Address address = random_address(random, Family::ipv4);
    EXPECT_EQ(address.text(), text_by_libc(address));
    ASSERT_EQ(Address::parse(address.text()), address) << address.text();
  }
}

TEST(Address, RandomIpv6TextsRoundTripAndAgreeWithLibc) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 50'000; ++i) {
    auto bytes = random_address(random, Family::ipv6).bytes();
    // Zero groups in random places, so that "::" is at the front, in the middle, at the end, twice.
    const std::uint64_t zeros = random();
    for (std::size_t group = 1; group < 8; ++group)
      if ((zeros >> group & 1) != 0) bytes[2 * group] = bytes[2 * group + 1] = 0;
    const Address address = Address::from_bytes(bytes);
    EXPECT_EQ(address.text(), text_by_libc(address));
    ASSERT_EQ(Address::parse(address.text()), address) << address.text();
  }
}

TEST(Address, WritesTheExamplesOfRfc5952) {
  const std::pair<const char*, const char*> examples[] = {
      {"2001:db8::0001", "2001:db8::1"},                // section 4.1
      {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},        // 4.2.1
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // 4.2.2: one group is written
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          // 4.2.3: the longest run
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    // 4.2.3: the first of equals
      {"2001:DB8::A", "2001:db8::a"},                   // 4.3
      {"0:0:0:0:0:0:0:0", "::"},
      {"0:0:0:0:0:0:0:1", "::1"},
      {"fe80:0:0:0:0:0:0:0", "fe80::"},
      {"::ffff:192.0.2.1", "192.0.2.1"},  // mapped: the same value as the dotted quad
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
  };
  for (const auto& [in, out] : examples) EXPECT_EQ(ip(in).text(), out) << in;
}

TEST(Address, RefusesWhatIsNoAddress) {
  for (const char* text : {"",
                           "1",
                           "1.2.3",
                           "1.2.3.4.5",
                           "1.2.3.256",
                           "1.2.3.04",
                           "1.2.3.-4",
                           "1.2.3.+4",
                           " 1.2.3.4",
                           "1.2.3.4 ",
                           "1.2.3.4/32",
                           "0x1.2.3.4",
                           "1..3.4",
                           ".1.2.3.4",
                           "1.2.3.4.",
                           "1.2.3.a",
                           "1.2.3.1000",
                           "localhost",
                           ":",
                           ":::",
                           "1::2::3",
                           ":1::2",
                           "1::2:",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "12345::",
                           "g::",
                           "::1%eth0",
                           "[::1]",
                           "1:2:3:4:5:6:7:8::",
                           "::1:2:3:4:5:6:7:8",
                           "1.2.3.4::",
                           "::1.2.3",
                           "::1.2.3.4:5",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "::-1",
                           "::0x1"})
    EXPECT_FALSE(Address::parse(text)) << '"' << text << '"';
}

TEST(Address, NeverAcceptsWhatLibcRefuses) {
  std::mt19937_64 random(3);
  const std::string alphabet = "0123456789abf:::...";
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    for (std::size_t n = random() % 18; n > 0; --n) text += alphabet[random() % alphabet.size()];
    std::array<std::uint8_t, 16> libc{};
    const bool v6 = text.find(':') != std::string::npos;
    const bool accepted_by_libc = inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), &libc) == 1;
    ASSERT_EQ(Address::parse(text).has_value(), accepted_by_libc) << '"' << text << '"';
  }
}

TEST(Address, KnowsItsKind) {
  EXPECT_TRUE(ip("0.0.0.0").is_unspecified());
  EXPECT_TRUE(ip("::").is_unspecified());
  EXPECT_FALSE(ip("::1").is_unspecified());
  EXPECT_TRUE(ip("127.0.0.1").is_loopback());
  EXPECT_TRUE(ip("127.255.0.1").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  EXPECT_FALSE(ip("::2").is_loopback());
  EXPECT_FALSE(ip("1::1").is_loopback());
  EXPECT_FALSE(ip("::1:0:1").is_loopback());
  EXPECT_TRUE(ip("224.0.0.1").is_multicast());
  EXPECT_TRUE(ip("239.255.255.255").is_multicast());
  EXPECT_FALSE(ip("240.0.0.1").is_multicast());
  EXPECT_TRUE(ip("ff02::1").is_multicast());
  EXPECT_FALSE(ip("fe80::1").is_multicast());
  EXPECT_EQ(ip("10.1.2.3").family(), Family::ipv4);
  EXPECT_EQ(ip("::10.1.2.3").family(), Family::ipv6);
}

TEST(Port, ParsesOneTo65535) {
  EXPECT_EQ(Port::parse("1"), Port(1));
  EXPECT_EQ(Port::parse("65535"), Port(65'535));
  for (const char* text : {"", "0", "65536", "-1", "+1", " 1", "1 ", "0x10", "1.0", "999999999999"})
    EXPECT_FALSE(Port::parse(text)) << '"' << text << '"';
}

TEST(Endpoint, RoundTripsAndRefuses) {
  for (const char* text : {"192.0.2.1:80", "[2001:db8::1]:443", "[::]:1"}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->text(), text);
  }
  for (const char* text :
       {"", ":80", "192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "2001:db8::1:80",
        "[192.0.2.1]:80", "[2001:db8::1]", "[2001:db8::1:80", "2001:db8::1]:80", "[]:80", "[:80"})
    EXPECT_FALSE(Endpoint::parse(text)) << '"' << text << '"';
}

TEST(MacAddress, RoundTripsAndRefuses) {
  const auto address = MacAddress::parse("0A:bc:00:ff:1e:29");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->text(), "0a:bc:00:ff:1e:29");
  EXPECT_FALSE(address->is_group());
  EXPECT_TRUE(test::mac("01:00:5e:00:00:01").is_group());
  for (const char* text :
       {"", "0a:bc:00:ff:1e", "0a:bc:00:ff:1e:2", "0a:bc:00:ff:1e:2g", "0a-bc-00-ff-1e-29",
        "0a:bc:00:ff:1e:299", "0abc.00ff.1e29", "+a:bc:00:ff:1e:29", " a:bc:00:ff:1e:29"})
    EXPECT_FALSE(MacAddress::parse(text)) << '"' << text << '"';
}

TEST(Protocol, NamesRoundTrip) {
  for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp})
    EXPECT_EQ(parse_protocol(to_string(protocol)), protocol);
  for (int number = 0; number < 255; ++number)
    EXPECT_EQ(parse_protocol(protocol_text(Protocol{static_cast<std::uint8_t>(number)})),
              Protocol{static_cast<std::uint8_t>(number)});
  EXPECT_EQ(parse_protocol("47"), parse_protocol("gre"));
  for (const char* text : {"TCP", "any", "255", "256", "-1", ""})
    EXPECT_FALSE(parse_protocol(text)) << '"' << text << '"';
}

}  // namespace
}  // namespace sluice
