#include <array>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/pkt_cls.h>
#include <optional>
#include <string>
#include <unistd.h>

#include "bpf/decap.skel.h"
#include "bpf/maps.h"
#include "core/flow/verdict.h"
#include "core/net/parse.h"
#include "tests/bpf/program.h"

namespace sluice::test {
namespace {

constexpr auto unspecified = static_cast<std::uint32_t>(TC_ACT_UNSPEC);
constexpr std::uint8_t ect1 = 1, ect0 = 2, ce = 3;

// The parameter: whether the program avoids what kernels before 6.3 lack.
class Decap : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    program_ = decap_bpf::open_and_load();
    ASSERT_NE(program_, nullptr);
    for (const char* vip : {"203.0.113.10", "2001:db8::10"}) {
      const Address key = address(vip);
      const std::uint8_t present = 1;
      ASSERT_EQ(0, bpf_map_update_elem(bpf_map__fd(program_->maps.decap_vips), key.bytes().data(),
                                       &present, BPF_ANY));
    }
    write_settings(false);
  }
  void TearDown() override {
    if (program_ != nullptr) decap_bpf::destroy(program_);
  }

  void write_settings(bool sources_limited) {
    const decap_settings settings{
        .sources_limited = static_cast<std::uint8_t>(sources_limited ? 1 : 0),
        .change_family = static_cast<std::uint8_t>(GetParam() ? 1 : 0),
        .made_qdisc = 0,
        .zero = 0,
        .gue_port = Be16::from_host(6080).raw()};
    const std::uint32_t zero = 0;
    ASSERT_EQ(0, bpf_map_update_elem(bpf_map__fd(program_->maps.decap_settings), &zero, &settings,
                                     BPF_ANY));
  }
  void permit(std::uint8_t family, const char* network, std::uint32_t prefix_bits) {
    decap_source_key key{};
    key.family = family;
    key.prefix_bits = 8 + prefix_bits;
    std::ranges::copy(address(network).bytes(), static_cast<std::uint8_t*>(key.address));
    const std::uint8_t present = 1;
    ASSERT_EQ(
        0, bpf_map_update_elem(bpf_map__fd(program_->maps.decap_sources), &key, &present, BPF_ANY));
  }
  Outcome run(const Bytes& frame) {
    return test::run(bpf_program__fd(program_->progs.sluice_decap), frame);
  }
  std::uint64_t counted(std::uint32_t which) {
    return bpf::sum_over_cpus(bpf_map__fd(program_->maps.decap_counters), which);
  }
  std::uint64_t counted_in_all() {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < DECAP_COUNTERS; ++i) sum += counted(i);
    return sum;
  }
  // The frame goes to the kernel as it came, counted under `reason` or not at all.
  void expect_untouched(const Bytes& frame, std::optional<decap_counter> reason,
                        const std::string& what) {
    SCOPED_TRACE(what);
    const std::uint64_t all = counted_in_all();
    const std::uint64_t before = reason ? counted(*reason) : 0;
    const Outcome result = run(frame);
    ASSERT_EQ(result.error, 0);
    EXPECT_EQ(result.result, unspecified);
    EXPECT_EQ(result.out, frame);
    if (reason) {
      EXPECT_EQ(counted(*reason), before + 1);
    }
    EXPECT_EQ(counted_in_all(), all + (reason ? 1 : 0));
  }

  decap_bpf* program_ = nullptr;
};

const Ip inner4{.source = address("192.0.2.1"), .destination = address("203.0.113.10")};
const Ip inner6{.source = address("2001:db8:f::1"), .destination = address("2001:db8::10")};
const Ip outer4{.source = address("10.0.1.1"), .destination = address("10.0.1.11")};
const Ip outer6{.source = address("2001:db8:1::1"), .destination = address("2001:db8:1::11")};

std::uint8_t protocol_of(const Bytes& inner) {
  return inner[0] >> 4 == 4 ? wire::protocol_ipip : wire::protocol_ipv6;
}

Bytes with_gre(const Bytes& inner, std::uint16_t flags = 0) {
  return with_header(wire::GreHeader{.flags_version = Be16::from_host(flags),
                                     .ether_type = Be16::from_host(ether_type_of(inner))},
                     inner);
}

Bytes with_gue(const Bytes& inner, wire::GueHeader header = {}) {
  header.protocol = protocol_of(inner);
  return with_header(header, inner);
}

enum class Kind { ipip, gre, gue_direct, gue_header };
constexpr std::array kinds = {Kind::ipip, Kind::gre, Kind::gue_direct, Kind::gue_header};
constexpr std::uint16_t gue_port = 6080;

Bytes tunnel(Ip outer, const Bytes& inner, Kind kind = Kind::ipip) {
  switch (kind) {
    case Kind::ipip:
      outer.protocol = protocol_of(inner);
      return ip(outer, inner);
    case Kind::gre:
      outer.protocol = wire::protocol_gre;
      return ip(outer, with_gre(inner));
    case Kind::gue_direct:
      return ip(outer, udp(50'000, gue_port, inner));
    case Kind::gue_header:
      return ip(outer, udp(50'000, gue_port, with_gue(inner)));
  }
  return {};
}

struct Pair {
  const char* name;
  Ip outer;
  Ip inner;
  decap_counter counter;
};
const std::array pairs = {
    Pair{"4in4", outer4, inner4, DECAP_4IN4}, Pair{"6in4", outer4, inner6, DECAP_6IN4},
    Pair{"4in6", outer6, inner4, DECAP_4IN6}, Pair{"6in6", outer6, inner6, DECAP_6IN6}};

TEST_P(Decap, TakesOffTheOuterHeadersOfAllPairsAndKinds) {
  for (const Kind kind : kinds)
    for (const Pair& pair : pairs) {
      SCOPED_TRACE(pair.name + std::string(" ") + std::to_string(static_cast<int>(kind)));
      // From no payload, where 4in6 leaves less than an IPv6 header, to a full frame.
      for (const std::size_t payload : {0, 1, 100, 1400}) {
        const Bytes inner = ip(pair.inner, udp(1000, 80, Bytes(payload, 0xab)));
        const std::uint64_t before = counted(pair.counter);
        const Outcome result = run(ethernet(tunnel(pair.outer, inner, kind)));
        ASSERT_EQ(result.error, 0);
        EXPECT_EQ(result.result, unspecified);
        EXPECT_EQ(result.out, ethernet(inner)) << payload;
        EXPECT_EQ(counted(pair.counter), before + 1);
      }
    }
}

TEST_P(Decap, LeavesOtherGreAndGueToTheKernel) {
  for (const Pair& pair : pairs) {
    SCOPED_TRACE(pair.name);
    const Bytes inner = ip(pair.inner, udp(1000, 80, Bytes(32, 0xab)));
    Ip gre = pair.outer;
    gre.protocol = wire::protocol_gre;
    expect_untouched(ethernet(ip(gre, with_gre(inner, 0x2000))), DECAP_PASSED_OPTIONS, "GRE key");
    expect_untouched(ethernet(ip(gre, with_gre(inner, 1))), DECAP_PASSED_OPTIONS, "GRE version");
    Bytes bridged = with_gre(inner);
    bridged[2] = 0x65;
    bridged[3] = 0x58;
    expect_untouched(ethernet(ip(gre, bridged)), {}, "Ethernet in GRE");
    const auto gue = [&](const Bytes& payload) {
      return ethernet(ip(pair.outer, udp(50'000, gue_port, payload)));
    };
    expect_untouched(gue(with_gue(inner, {.variant_length = 0x20, .protocol = 0, .flags = {}})),
                     DECAP_PASSED_OPTIONS, "GUE control message");
    expect_untouched(gue(with_gue(inner, {.variant_length = 1, .protocol = 0, .flags = {}})),
                     DECAP_PASSED_OPTIONS, "GUE extensions");
    Bytes other = with_gue(inner);
    other[1] = wire::protocol_tcp;
    expect_untouched(gue(other), {}, "TCP in GUE");
    other[0] = 0x80;
    expect_untouched(gue(other), DECAP_PASSED_MALFORMED, "GUE variant 2");
    other[0] = 0x50;
    expect_untouched(gue(other), DECAP_PASSED_MALFORMED, "inner version 5");
    Bytes wrong_length = udp(50'000, gue_port, inner);
    wrong_length[5] ^= 1;
    expect_untouched(ethernet(ip(pair.outer, wrong_length)), DECAP_PASSED_MALFORMED, "UDP length");
    expect_untouched(ethernet(ip(pair.outer, udp(50'000, 6'081, inner))), {}, "another port");
  }
}

TEST_P(Decap, LaterFragmentsOfUdpAreNobodysTunnel) {
  Ip outer = outer4;
  outer.fragment = 0x2001;
  const Bytes inner = ip(inner4, udp(1, 80));
  expect_untouched(ethernet(tunnel(outer, inner, Kind::gue_direct)), {}, "later");
  outer.fragment = 0x2000;
  expect_untouched(ethernet(tunnel(outer, inner, Kind::gue_direct)), DECAP_PASSED_FRAGMENT,
                   "first");
}

TEST_P(Decap, LeavesOrdinaryPacketsAloneAndUncounted) {
  expect_untouched(ethernet(ip(inner4, udp(1, 80))), {}, "UDP over IPv4");
  expect_untouched(ethernet(ip(inner6, udp(1, 80))), {}, "UDP over IPv6");
  expect_untouched(ethernet(0x0806, Bytes(46, 0)), {}, "ARP");
  Ip hop_by_hop = outer6;
  hop_by_hop.protocol = wire::protocol_hop_by_hop;
  expect_untouched(ethernet(ip(hop_by_hop, extension(wire::protocol_icmpv6, 0, icmp(143)))), {},
                   "multicast listener report");
}

TEST_P(Decap, LeavesOtherDestinationsAlone) {
  Ip other4 = inner4;
  other4.destination = address("203.0.113.11");
  Ip other6 = inner6;
  other6.destination = address("2001:db8::11");
  Ip mapped = inner6;  // would be the IPv4 VIP
  mapped.destination = address("::ffff:203.0.113.10");
  for (const Ip& outer : {outer4, outer6}) {
    expect_untouched(ethernet(tunnel(outer, ip(other4, udp(1, 80)))), DECAP_PASSED_NOT_VIP, "IPv4");
    expect_untouched(ethernet(tunnel(outer, ip(other6, udp(1, 80)))), DECAP_PASSED_NOT_VIP, "IPv6");
    expect_untouched(ethernet(tunnel(outer, ipv6(mapped, udp(1, 80)))), DECAP_PASSED_MALFORMED,
                     "mapped");
  }
}

TEST_P(Decap, LeavesFramesForOtherHostsAlone) {
  Bytes frame = ethernet(tunnel(outer4, ip(inner4, udp(1, 80))));
  frame[0] = 2;
  expect_untouched(frame, DECAP_PASSED_NOT_HOST, "another MAC address");
}

TEST_P(Decap, TakesTunnelsOnlyFromTheSourcesGiven) {
  write_settings(true);
  for (const Pair& pair : pairs)
    expect_untouched(ethernet(tunnel(pair.outer, ip(pair.inner, udp(1, 80)))), DECAP_PASSED_SOURCE,
                     "nobody may");
  permit(4, "10.0.1.0", 96 + 24);
  permit(6, "2001:db8:1::", 64);
  for (const Pair& pair : pairs) {
    const Bytes inner = ip(pair.inner, udp(1, 80));
    EXPECT_EQ(run(ethernet(tunnel(pair.outer, inner))).out, ethernet(inner)) << pair.name;
    Ip stranger = pair.outer;
    stranger.source = address(pair.outer.source.is_ipv4() ? "10.0.2.1" : "2001:db8:2::1");
    expect_untouched(ethernet(tunnel(stranger, inner)), DECAP_PASSED_SOURCE, "stranger");
  }
}

TEST_P(Decap, AnyIpv6SourceIsNotAnyIpv4Source) {
  write_settings(true);
  permit(6, "::", 0);
  const Bytes inner = ip(inner4, udp(1, 80));
  EXPECT_EQ(run(ethernet(tunnel(outer6, inner))).out, ethernet(inner));
  expect_untouched(ethernet(tunnel(outer4, inner)), DECAP_PASSED_SOURCE, "IPv4");
}

TEST_P(Decap, LeavesOuterFragmentsAndOptionsToTheKernel) {
  const Bytes inner = ip(inner4, udp(1, 80, Bytes(32, 1)));
  for (const std::uint16_t fragment : std::to_array<std::uint16_t>({0x2000, 0x2001, 0x0001})) {
    Ip outer = outer4;
    outer.fragment = fragment;
    expect_untouched(ethernet(tunnel(outer, inner)), DECAP_PASSED_FRAGMENT, "IPv4 fragment");
  }
  Ip options = outer4;
  options.option_words = 1;
  expect_untouched(ethernet(tunnel(options, inner)), DECAP_PASSED_OPTIONS, "IPv4 options");
  Ip outer = outer6;
  outer.protocol = wire::protocol_fragment;
  expect_untouched(ethernet(ip(outer, fragment_header(wire::protocol_ipip, 1, inner))),
                   DECAP_PASSED_FRAGMENT, "IPv6 fragment");
  outer.protocol = wire::protocol_destination_options;
  expect_untouched(ethernet(ip(outer, extension(wire::protocol_ipip, 0, inner))),
                   DECAP_PASSED_OPTIONS, "tunnel encapsulation limit");
}

TEST_P(Decap, InnerFragmentsAndOptionsAreNoneOfItsBusiness) {
  Ip inner = inner4;
  inner.fragment = 0x2000;
  inner.option_words = 2;
  const Bytes packet = ip(inner, udp(1, 80));
  EXPECT_EQ(run(ethernet(tunnel(outer4, packet))).out, ethernet(packet));
}

TEST_P(Decap, LeavesMalformedTunnelsToTheKernel) {
  const Bytes inner = ip(inner4, udp(1, 80));
  Bytes bad_checksum = tunnel(outer4, inner);
  bad_checksum[8] ^= 1;
  expect_untouched(ethernet(bad_checksum), DECAP_PASSED_MALFORMED, "outer checksum");
  Bytes longer = inner;
  longer[3] = static_cast<std::uint8_t>(longer[3] + 1);
  expect_untouched(ethernet(tunnel(outer4, longer)), DECAP_PASSED_MALFORMED, "longer than outer");
  Bytes other_version = inner;
  other_version[0] = 0x55;
  Ip outer = outer4;
  outer.protocol = wire::protocol_ipip;
  expect_untouched(ethernet(ip(outer, other_version)), DECAP_PASSED_MALFORMED, "version 5");
  expect_untouched(ethernet(ip(outer, ip(inner6, udp(1, 80)))), DECAP_PASSED_MALFORMED,
                   "IPv6 under protocol 4");
}

TEST_P(Decap, LeavesTunnelsCutAtAnyLengthAlone) {
  for (const Kind kind : kinds)
    for (const Pair& pair : pairs) {
      const Bytes whole = ethernet(tunnel(pair.outer, ip(pair.inner, udp(1, 80)), kind));
      // The kernel's test runs take no frame without a byte after the Ethernet header.
      for (std::size_t length = 15; length < whole.size(); ++length) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        const Outcome result = run(cut);
        if (result.error == -EINVAL && length < 14 + (pair.outer.source.is_ipv4() ? 20U : 40U))
          continue;  // refused before the program sees it
        ASSERT_EQ(result.error, 0) << pair.name << " " << length;
        EXPECT_EQ(result.result, unspecified);
        EXPECT_EQ(result.out, cut) << pair.name << " " << length;
      }
    }
}

TEST_P(Decap, KeepsLinkPadding) {
  Bytes padded = ethernet(tunnel(outer4, ip(inner4, udp(1, 80))));
  padded.resize(padded.size() + 10);
  Bytes expected = ethernet(ip(inner4, udp(1, 80)));
  expected.resize(expected.size() + 10);  // trimmed by the kernel, by the inner length
  EXPECT_EQ(run(padded).out, expected);
}

// RFC 6040 section 4.2, figure 4; rows: inner, columns: outer, in the order Not-ECT, ECT(1),
// ECT(0), CE of the field's values. Nothing: dropped.
constexpr std::array<std::array<std::optional<std::uint8_t>, 4>, 4> ecn_table = {{
    {0, 0, 0, std::nullopt},
    {ect1, ect1, ect1, ce},
    {ect0, ect1, ect0, ce},
    {ce, ce, ce, ce},
}};

struct EcnCase {
  Pair pair;
  Kind kind;
  std::uint8_t inner;
  std::uint8_t outer;
};

std::vector<EcnCase> ecn_cases() {
  std::vector<EcnCase> out;
  for (const Kind kind : kinds)
    for (const Pair& pair : pairs)
      for (std::uint8_t inner = 0; inner < 4; ++inner)
        for (std::uint8_t outer = 0; outer < 4; ++outer) out.push_back({pair, kind, inner, outer});
  return out;
}

TEST_P(Decap, CombinesEcnByRfc6040) {
  constexpr std::uint8_t dscp = 46 << 2;
  for (const EcnCase& each : ecn_cases()) {
    SCOPED_TRACE(std::string(each.pair.name) + " inner " + std::to_string(each.inner) + " outer " +
                 std::to_string(each.outer));
    Ip outer = each.pair.outer;
    outer.traffic_class = each.outer;
    Ip inner = each.pair.inner;
    inner.traffic_class = dscp | each.inner;
    const std::uint64_t dropped = counted(DECAP_DROPPED_ECN);
    const Outcome result = run(ethernet(tunnel(outer, ip(inner, udp(1, 80)), each.kind)));
    ASSERT_EQ(result.error, 0);
    const auto expected = ecn_table[each.inner][each.outer];
    EXPECT_EQ(counted(DECAP_DROPPED_ECN), dropped + (expected ? 0 : 1));
    if (!expected) {
      EXPECT_EQ(result.result, std::uint32_t{TC_ACT_SHOT});
      continue;
    }
    inner.traffic_class = dscp | *expected;  // the builder's checksum is of the new header
    EXPECT_EQ(result.out, ethernet(ip(inner, udp(1, 80))));
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Decap, testing::Bool(), [](const auto& parameter) {
  return parameter.param ? "before_6_3" : "since_6_3";
});

}  // namespace
}  // namespace sluice::test
