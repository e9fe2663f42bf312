#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/config/file.h"
#include "tests/control/sample_file.h"

namespace sluice::control {
namespace {

using test::good_file;
using test::replaced;
using test::texts;
using ::testing::HasSubstr;

// `from` in the good file becomes `to`, in which '^' marks the place of the one error; or, without
// a mark, the error is where `at` begins. `what` and `remedy` are in the message.
struct BadFile {
  std::string_view name;
  std::string_view from;
  std::string_view to;
  std::string_view at;
  std::string_view what;
  std::string_view remedy;
};
void PrintTo(const BadFile& file, std::ostream* out) { *out << file.name; }

constexpr std::string_view web_header = "[[service]]\nname = \"web\"";
constexpr std::string_view dns_header = "[[service]]\nname = \"dns\"";

constexpr BadFile bad_files[] = {
    // Keys.
    {"UnknownKey", "weight = 10", "^wieght = 10", "", "unknown key \"wieght\"",
     "did you mean \"weight\"?"},
    {"UnknownKeyWithoutNeighbour", "weight = 10", "weight = 10\n^colour = 1", "",
     "unknown key \"colour\"",
     "the keys of [[service.backend]] are \"name\", \"address\", \"port\", \"weight\", \"drain\""},
    {"UnknownTable", "[dataplane]", "[^datplane]", "", "unknown key \"datplane\"",
     "\"dataplane\"?"},
    {"UnknownTableList", "[[port]]\nname = \"lan0\"", "[[^prt]]\nname = \"lan0\"", "",
     "unknown key \"prt\"", "\"port\"?"},
    {"UnknownKeyInHealth", "rise = 2", "^rize = 2", "", "unknown key \"rize\"", "\"rise\"?"},
    {"MisspeltRequiredKey", "address = \"10.0.1.11\"", "^adress = \"10.0.1.11\"", "",
     "unknown key \"adress\"", "\"address\"?"},
    {"MisspeltKeyThatOthersRestOn", "forward = \"nat\"", "^forwrad = \"nat\"", "",
     "unknown key \"forwrad\"", "\"forward\"?"},
    {"MisplacedBackend", "[[service.backend]]\nname = \"dns1\"", "[[^backend]]\nname = \"dns1\"",
     "", "backend does not belong here", "[[service.backend]]"},
    {"MissingName", web_header, "^[[service]]", "", "[[service]] has no name", "name = \"web\""},
    {"MissingVip", "vip = \"203.0.113.53\"\n", "", dns_header, "[[service]] has no vip",
     "vip = \"203.0.113.10\""},
    {"MissingPort", "port = 53\n", "", dns_header, "[[service]] has no port", "port = 80"},
    {"MissingAddress", "address = \"10.0.1.11\"\n", "", "[[service.backend]]",
     "[[service.backend]] has no address", "address = \"10.0.1.11\""},
    {"MissingProbeType", "{ type = \"http\", ", "^{ ", "", "has no type", "\"http\""},
    {"MissingDevice", "device = \"eth1\"\n", "", "[[port]]", "port \"wan0\" has no device",
     "ip link"},
    {"MissingBackend",
     "[[service.backend]]\nname = \"dns1\"\naddress = \"10.0.1.53\"\nport = 5353\n", "", dns_header,
     "service \"dns\" has no backend", "[[service.backend]]"},
    // Types.
    {"TextForNumber", "port = 53\n", "port = ^\"53\"\n", "", "port is a string (\"53\")",
     "number from 1 to 65535, without quotes"},
    {"FractionForNumber", "weight = 10", "weight = ^1.5", "", "a number with a fraction (1.5)",
     "0 to 1000"},
    {"NumberForText", "name = \"web1\"", "name = ^1", "", "name is a number (1)",
     "name = \"web1\""},
    {"TextForFlag", "drain = true", "drain = ^\"yes\"", "", "drain is a string (\"yes\")",
     "true or false"},
    {"ListForText", "device = \"eth1\"", "device = ^[\"eth1\"]", "", "device is a list",
     "device = \"eth1\""},
    {"NumberForAddress", "\"10.0.1.11\"", "^10", "", "address is a number (10)", "\"192.0.2.10\""},
    {"ListForTable", "[dataplane]", "^[[dataplane]]", "", "dataplane is a list of tables",
     "write it once, as a table: [dataplane]"},
    {"NumberForTable", "health = {", "health = ^7 # {", "", "health is a number (7)",
     "[service.health]"},
    {"DateForNumber", "hash_seed = 42", "hash_seed = ^2026-01-01", "", "a date or time",
     "write a number"},
    // Numbers.
    {"WeightOutOfRange", "weight = 10", "weight = ^1001", "", "weight is 1001", "0 to 1000"},
    {"NegativeWeight", "weight = 10", "weight = ^-1", "", "weight is -1", "0 to 1000"},
    {"PortZero", "port = 53\n", "port = ^0\n", "", "port is 0", "1 to 65535"},
    {"PortInListOutOfRange", "[80, 443]", "[80, ^65536]", "", "port is 65536", "1 to 65535"},
    {"PortRangeBackwards", "[80, 443]", "[80, ^\"443-80\"]", "", "port \"443-80\" is no range",
     "8000-8999"},
    {"PortWord", "port = 53\n", "port = ^\"all\"\n", "", "port \"all\" is no range", "\"any\""},
    {"VipHostBits", "\"203.0.113.53\"", "^\"203.0.113.53/28\"", "",
     "vip \"203.0.113.53/28\" is not a prefix", "\"203.0.113.48/28\""},
    {"VipPrefixLength", "\"203.0.113.53\"", "^\"203.0.113.53/33\"", "", "is not a prefix",
     "203.0.113.0/28"},
    {"QueuesOutOfRange", "queues = 2", "queues = ^65", "", "queues is 65", "1 to 64"},
    {"TooFewFlows", "2_000_000", "^1000", "", "flows_max is 1000", "1024 to 134217728"},
    {"SlotsNotPrime", "65537", "^65536", "", "65536 slots", "prime"},
    {"RiseOutOfRange", "rise = 2", "rise = ^101", "", "rise is 101", "1 to 100"},
    {"MemoryOutOfRange", "\"512 MiB\"", "^\"1 MiB\"", "", "memory is \"1 MiB\"",
     "64 to 1048576 MiB"},
    {"MemoryFarOutOfRange", "\"512 MiB\"", "^\"18446744073709551615 GiB\"", "", "memory is",
     "64 to 1048576 MiB"},
    {"MemoryWithoutUnit", "\"512 MiB\"", "^512", "", "a number without a unit (512)",
     "\"256 MiB\""},
    {"MemoryInAnotherUnit", "\"512 MiB\"", "^\"512 MB\"", "", "not an amount of memory",
     "MiB or GiB"},
    {"CoreTwice", "[1, 2]", "[1, ^1]", "", "core 1 is listed twice", "once"},
    // Durations.
    {"DurationWithoutUnit", "\"1s\"", "^1", "", "interval is a number without a unit (1)",
     "ms, s, m or h"},
    {"DurationInAnotherUnit", "\"15m\"", "^\"15min\"", "",
     "idle_timeout \"15min\" is not a duration", "\"15m\""},
    {"DurationTooLong", "\"15m\"", "^\"99999999999999999999h\"", "", "is not a duration",
     "whole number"},
    {"IntervalTooShort", "interval = \"1s\", timeout = \"500ms\"",
     "interval = ^\"10ms\", timeout = \"5ms\"", "", "interval is 10 ms", "50ms to 1h"},
    {"TimeoutOverInterval", "\"500ms\"", "^\"2s\"", "", "timeout is 2000 ms and interval 1000 ms",
     "at most the interval"},
    {"IntervalUnreadableTimeoutNotJudged", "\"1s\", timeout = \"500ms\"",
     "^\"fast\", timeout = \"3s\"", "", "interval \"fast\" is not a duration", "\"1s\""},
    {"ProtocolUnreadableOverlapNotJudged", "vip = \"203.0.113.53\"\nport = 53\nprotocol = \"udp\"",
     "vip = \"203.0.113.10\"\nport = 443\nprotocol = ^\"dccp\"", "", "protocol cannot be \"dccp\"",
     "write one of \"tcp\", \"udp\""},
    // Addresses.
    {"BadAddress", "\"10.0.1.11\"", "^\"10.0.1.300\"", "",
     "address \"10.0.1.300\" is not an IPv4 address", "\"192.0.2.10\""},
    {"AddressWithPrefix", "\"10.0.1.11\"", "^\"10.0.1.11/24\"", "", "has a prefix length",
     "write \"10.0.1.11\""},
    {"AddressWithPort", "\"203.0.113.53\"", "^\"203.0.113.53:53\"", "", "has a port in it",
     "write \"203.0.113.53\" here"},
    {"AddressWithLeadingZero", "\"10.0.1.11\"", "^\"10.0.01.11\"", "", "leading zero",
     "\"192.0.2.10\""},
    {"AddressTooShort", "\"10.0.1.11\"", "^\"10.0.1\"", "", "has 3 numbers", "\"192.0.2.10\""},
    {"NameForAddress", "\"10.0.1.11\"", "^\"web1.example.org\"", "", "names are not looked up",
     "\"192.0.2.10\""},
    {"BadIpv6Address", "\"2001:db8::10\"", "^\"2001:db8::10::1\"", "", "is not an IPv6 address",
     "\"2001:db8::10\""},
    {"AddressWithZone", "\"2001:db8:1::12\"", "^\"fe80::1%eth0\"", "", "has a zone",
     "\"2001:db8::10\""},
    {"UnspecifiedVip", "\"203.0.113.53\"", "^\"0.0.0.0\"", "", "0.0.0.0 cannot be a VIP",
     "unicast"},
    {"MulticastBackend", "\"10.0.1.11\"", "^\"224.0.0.1\"", "",
     "224.0.0.1 cannot be a backend's address", "unicast"},
    // Words.
    {"UnknownDriver", "\"af_xdp\"", "^\"af_xpd\"", "", "driver cannot be \"af_xpd\"",
     "did you mean \"af_xdp\"?"},
    {"UnknownForward", "\"ipip\"", "^\"vxlan\"", "", "forward cannot be \"vxlan\"",
     "write one of \"ipip\", \"l2dsr\", \"nat\", \"gue\", \"gre\", \"l3dsr\", \"local\""},
    {"WordInCapitals", "\"udp\"", "^\"UDP\"", "", "protocol cannot be \"UDP\"",
     "did you mean \"udp\"?"},
    {"UnknownHugepages", "hugepages = \"on\"", "hugepages = ^\"yes\"", "",
     "hugepages cannot be \"yes\"", "\"auto\""},
    {"UnknownIdle", "idle = \"sleep\"", "idle = ^\"sleeping\"", "", "idle cannot be \"sleeping\"",
     "\"sleep\""},
    {"BadStatus", "\"200-399\"", "^\"399-200\"", "", "status \"399-200\" is not a range",
     "\"200-399\""},
    {"StatusOutOfRange", "status = 204", "status = ^99", "", "status \"99\"", "100 to 599"},
    // What only shows in the whole.
    {"DuplicateService", "name = \"dns\"", "name = ^\"web\"", "",
     "there are two services called \"web\"", "another name"},
    {"DuplicateBackend", "name = \"web2\"", "name = ^\"web1\"", "",
     "there are two backends called \"web1\"", "another name"},
    {"DuplicatePort", "name = \"lan0\"", "name = ^\"wan0\"", "",
     "there are two ports called \"wan0\"", "another name"},
    {"DuplicateDevice", "\"0000:01:00.0\"", "^\"eth1\"", "", "device eth1 is used by port \"wan0\"",
     "one device"},
    {"UnusableName", "name = \"web1\"", "name = ^\"web 1\"", "",
     "backend name \"web 1\" is not usable", "letters"},
    {"OverlappingVipAndPort", "vip = \"203.0.113.53\"\nport = 53\nprotocol = \"udp\"",
     "vip = ^\"203.0.113.10\"\nport = 443\nprotocol = \"tcp\"", "",
     "203.0.113.10:443/tcp belongs to service \"web\" already", "change one"},
    {"NatWithMixedFamilies", "\"10.0.1.53\"", "^\"2001:db8::53\"", "",
     "forward = \"nat\" cannot mix", "one service for each family"},
    {"NatWithoutSourcePool", "source_pool = [\"10.0.1.2\", \"10.0.1.3\"]\n", "", dns_header,
     "needs addresses for the servers to answer to", "source_pool"},
    {"BackendPortWithIpip", "weight = 10", "port = ^8080", "",
     "forward = \"ipip\" leaves the packet as it is", "forward = \"nat\""},
    {"BackendPortWithL2dsr", "\"nat\"\nsource_pool = [\"10.0.1.2\", \"10.0.1.3\"]", "\"l2dsr\"",
     "5353", "forward = \"l2dsr\" leaves the packet as it is", "leave out port"},
    {"SlowStartTooShort", "slow_start = \"30s\"", "slow_start = ^\"10ms\"", "",
     "slow_start is 10 ms", "write 1s to 1h"},
    {"SlowStartWithoutUnit", "slow_start = \"30s\"", "slow_start = ^30", "",
     "slow_start is a number without a unit (30)", "\"30s\""},
    {"MisspeltOnDeath", "on_death = \"reset\"", "on_death = ^\"rest\"", "",
     "on_death cannot be \"rest\"", "\"reset\""},
    {"OnDeathWithUdp", "protocol = \"udp\"", "protocol = \"udp\"\non_death = ^\"reset\"", "",
     "on_death = \"reset\" needs connections", "leave it out"},
    {"SourcePoolWithL2dsr", "\"ipip\"\nbalance = \"maglev\"\nslots = 65537\nidle_timeout = \"15m\"",
     "\"l2dsr\"\nsource_pool = ^[\"10.0.1.9\"]", "", "source_pool goes with forward = \"nat\" only",
     "leave it out"},
    {"DscpOutOfRange", "\"ipip\"\nbalance = \"maglev\"\nslots = 65537",
     "\"ipip\"\nl3dsr_dscp = ^64\nslots = 65537", "", "l3dsr_dscp is 64", "1 to 63"},
    {"SmallMtu", "\"ipip\"\nbalance = \"maglev\"\nslots = 65537",
     "\"ipip\"\nmtu = ^1319\nslots = 65537", "", "mtu is 1319, too small", "1320 or more"},
    {"MssClampOfAnotherWord", "\"ipip\"\nbalance = \"maglev\"\nslots = 65537",
     "\"ipip\"\nmss_clamp = ^\"on\"\nslots = 65537", "", "mss_clamp is \"on\"", "536 to 65495"},
    {"MssClampOutOfRange", "\"ipip\"\nbalance = \"maglev\"\nslots = 65537",
     "\"ipip\"\nmss_clamp = ^535\nslots = 65537", "", "mss_clamp is 535", "536 to 65495"},
    {"RendezvousWithAPrime", "\"maglev\"\nslots = 65537", "\"rendezvous\"\nslots = ^65537", "",
     "65537 slots, and balance = \"rendezvous\"", "a power of two from 1024 to 4194304"},
    {"AffinityWithoutTimeout", "\"maglev\"\nslots = 65537",
     "\"maglev\"\naffinity = ^{ netmask4 = 24 }", "", "affinity has no timeout",
     "timeout = \"10m\""},
    {"OnePacketWithTcp", "\"maglev\"\nslots = 65537", "\"maglev\"\none_packet = ^true", "",
     "one_packet is for UDP", "protocol = \"udp\""},
    {"MaxConnectionsTooLarge", "weight = 10", "max_connections = ^5000000000", "",
     "max_connections is 5000000000", "0 to 1000000000"},
    {"GuePortWithIpip", "\"ipip\"\nbalance = \"maglev\"\nslots = 65537",
     "\"ipip\"\ngue_port = ^5555\nslots = 65537", "", "gue_port goes with forward = \"gue\" only",
     "leave it out"},
    {"GueVariantOutOfRange", "\"ipip\"\nbalance = \"maglev\"\nslots = 65537",
     "\"gue\"\ngue_variant = ^2\nslots = 65537", "", "gue_variant is 2", "0 to 1"},
    {"TunnelSourceWithHostBits", "\"ipip\"\nbalance = \"maglev\"\nslots = 65537",
     "\"ipip\"\ntunnel_source = ^\"198.18.0.1/16\"\nslots = 65537", "",
     "tunnel_source \"198.18.0.1/16\" is no address and no prefix", "host bits zero"},
    {"TunnelDscpTooLarge", "\"ipip\"\nbalance = \"maglev\"\nslots = 65537",
     "\"ipip\"\ntunnel_dscp = ^64\nslots = 65537", "", "tunnel_dscp is 64", "0 to 63"},
    {"VipAsBackend", "\"10.0.1.11\"", "^\"203.0.113.53\"", "",
     "203.0.113.53 is a VIP of service \"dns\"", "own address"},
    {"VipInSourcePool", "\"10.0.1.3\"", "^\"203.0.113.10\"", "",
     "203.0.113.10 is a VIP of service \"web\"", "nothing else"},
    {"InterfaceNameTooLong", "\"eth1\"", "^\"a-very-long-interface\"", "",
     "cannot be an interface's name", "15 characters"},
    {"KernelTapWithSharedDriver", "queues = 2", "kernel_tap = ^true", "",
     "kernel_tap does not go with driver af_xdp", "leave it out"},
    {"PathWithoutSlash", "\"/healthz\"", "^\"healthz\"", "", "path \"healthz\" cannot be requested",
     "'/'"},
    // Syntax.
    {"BareWord", "name = \"web1\"", "name = ^web1", "", "syntax error", "double quotes"},
    {"OpenHeader", "[[port]]\nname = \"lan0\"", "[[port]^\nname = \"lan0\"", "", "syntax error",
     "close the header"},
    {"BareDuration", "\"15m\"", "15^m", "", "syntax error", "double quotes"},
    {"MissingEqualsSign", "queues = 2", "queues ^2", "", "syntax error", "key = value"},
    {"HeaderWithoutName", "[[port]]\nname = \"lan0\"", "[[ ^.port]]\nname = \"lan0\"", "",
     "no name", "[[port]]"},
    {"TypographicQuotes", "\"web1\"", "^“web1”", "", "only text can have", "plain double quotes"},
    {"TableTwice", "[[port]]\nname = \"lan0\"", "^[dataplane]\nname = \"lan0\"", "", "syntax error",
     "once, with all of its keys"},
};

class BadFiles : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadFiles, GiveOneMessageWithPlaceAndRemedy) {
  const BadFile& bad = GetParam();
  std::string text = replaced(good_file, bad.from, bad.to);
  const std::size_t at = bad.at.empty() ? text.find('^') : text.find(bad.at);
  ASSERT_NE(at, std::string::npos);
  if (bad.at.empty()) text.erase(at, 1);
  const auto line =
      1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  const std::size_t line_begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
  const auto file = parse_config(text, "sluice.toml");
  ASSERT_FALSE(file);
  ASSERT_EQ(file.error().size(), 1U) << texts(file.error());
  const FileError& error = file.error().front();
  EXPECT_EQ(error.file, "sluice.toml");
  EXPECT_EQ(error.line, line) << error.text();
  EXPECT_EQ(error.column, at - line_begin + 1) << error.text();
  EXPECT_THAT(error.what, HasSubstr(bad.what));
  EXPECT_THAT(error.remedy, HasSubstr(bad.remedy));
  EXPECT_FALSE(error.remedy.empty());
}

INSTANTIATE_TEST_SUITE_P(ConfigFile, BadFiles, ::testing::ValuesIn(bad_files),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace sluice::control
