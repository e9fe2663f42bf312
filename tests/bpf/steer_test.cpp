#include <array>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "bpf/maps.h"
#include "bpf/prefix_rules.h"
#include "bpf/steer.skel.h"
#include "core/config/compile.h"
#include "dataplane/l4/classify.h"
#include "tests/bpf/program.h"

namespace sluice::test {
namespace {

const Address client4 = address("192.0.2.1");
const Address client6 = address("2001:db8:f::1");
const Address vip4 = address("203.0.113.10");
const Address vip6 = address("2001:db8::10");
const Address source4 = address("10.0.0.100");
const Address source6 = address("2001:db8:2::100");
const Address other4 = address("203.0.113.99");
const Address other6 = address("2001:db8::99");

const Address wide4 = address("203.0.113.33");
const Address wide6 = address("2001:db8:3::33");
const Address any4 = address("203.0.113.50");
const Address any6 = address("2001:db8:3::50");

Listening listening(std::string_view vips, std::string_view ports, Protocol protocol) {
  return {VipBlock::parse(vips).value(), PortRange::parse(ports).value(), protocol};
}

// Prefixes with ranges of ports, inside them addresses for any protocol, and ranges on the VIPs.
std::vector<Listening> wide_listenings() {
  return {listening("203.0.113.32/27", "8000-8999", Protocol::tcp),
          listening("203.0.113.32/27", "53", Protocol::udp),
          listening("203.0.113.50", "any", Protocol::any),
          listening("2001:db8:3::/64", "8000-8999", Protocol::tcp),
          listening("2001:db8:3::/64", "any", Protocol::sctp),
          listening("2001:db8:3::50", "any", Protocol::any),
          listening("203.0.113.10", "9000-9009", Protocol::sctp),
          listening("2001:db8::10", "9000-9009", Protocol::udp)};
}

// Services: TCP 80 and UDP 53 on both VIPs; NAT answers come to both source addresses.
class Steer : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    bpf::let_libbpf_warn(true);
    program_ = steer_bpf::open_and_load();
    ASSERT_NE(program_, nullptr);
    // Test runs come on queue 0. A socket makes the redirect possible; it need not be bound.
    socket_ = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    ASSERT_GE(socket_, 0);
    const std::uint32_t queue = 0;
    ASSERT_EQ(0,
              bpf_map_update_elem(bpf_map__fd(program_->maps.xsks_map), &queue, &socket_, BPF_ANY));
    for (const Address& vip : {vip4, vip6}) {
      serve(vip, 80, Protocol::tcp);
      serve(vip, 53, Protocol::udp);
      own(vip, STEER_VIP);
    }
    for (const Address& source : {source4, source6}) own(source, STEER_SOURCE_POOL);
    for (const auto& [key, rule] : bpf::prefix_rules_of(wide_listenings()))
      ASSERT_EQ(0, bpf_map_update_elem(bpf_map__fd(program_->maps.steer_prefixes), key.data(),
                                       rule.data(), BPF_ANY));
  }
  void TearDown() override {
    if (socket_ >= 0) close(socket_);
    if (program_ != nullptr) steer_bpf::destroy(program_);
  }

  void serve(const Address& vip, std::uint16_t port, Protocol protocol) {
    steer_service_key key{};
    std::ranges::copy(vip.bytes(), static_cast<std::uint8_t*>(key.address));
    key.port = Port(port).be().raw();
    key.protocol = static_cast<std::uint8_t>(protocol);
    const std::uint8_t present = 1;
    ASSERT_EQ(0, bpf_map_update_elem(bpf_map__fd(program_->maps.steer_services), &key, &present,
                                     BPF_ANY));
  }
  void own(const Address& address, std::uint8_t flags) {
    ASSERT_EQ(0, bpf_map_update_elem(bpf_map__fd(program_->maps.steer_addresses),
                                     address.bytes().data(), &flags, BPF_ANY));
  }
  std::uint64_t counted(std::uint32_t which) {
    return bpf::sum_over_cpus(bpf_map__fd(program_->maps.steer_counters), which);
  }
  // Whether the frame goes to the data plane; anything but that or the kernel fails the test.
  bool is_steered(const Bytes& frame) {
    const Outcome outcome = run(bpf_program__fd(program_->progs.xsk_def_prog), frame);
    EXPECT_EQ(outcome.error, 0);
    EXPECT_EQ(outcome.out, frame);
    EXPECT_TRUE(outcome.result == XDP_REDIRECT || outcome.result == XDP_PASS) << outcome.result;
    return outcome.result == XDP_REDIRECT;
  }
  bool is_steered_to(const Address& destination, std::uint8_t protocol, const Bytes& payload) {
    const Address& source = destination.is_ipv4() ? client4 : client6;
    return is_steered(ethernet(
        ip({.source = source, .destination = destination, .protocol = protocol}, payload)));
  }

  steer_bpf* program_ = nullptr;
  int socket_ = -1;
};

TEST_F(Steer, ServicesGoToTheDataPlaneAndTheRestToTheKernel) {
  for (const Address& vip : {vip4, vip6}) {
    EXPECT_TRUE(is_steered_to(vip, wire::protocol_tcp, tcp(1000, 80, 2)));
    EXPECT_TRUE(is_steered_to(vip, wire::protocol_udp, udp(1000, 53)));
    EXPECT_FALSE(is_steered_to(vip, wire::protocol_tcp, tcp(1000, 53, 2)));
    EXPECT_FALSE(is_steered_to(vip, wire::protocol_udp, udp(1000, 80)));
    EXPECT_FALSE(is_steered_to(vip, wire::protocol_tcp, tcp(80, 1000, 2))) << "from, not to";
    EXPECT_FALSE(is_steered_to(vip, wire::protocol_sctp, tcp(1000, 80, 2)));
  }
  for (const Address& other : {other4, other6})
    EXPECT_FALSE(is_steered_to(other, wire::protocol_tcp, tcp(1000, 80, 2)));
  EXPECT_FALSE(is_steered(ethernet(0x0806, Bytes(46, 0)))) << "ARP";
}

TEST_F(Steer, AnswersOfNatServersGoToTheDataPlane) {
  for (const Address& source : {source4, source6}) {
    EXPECT_TRUE(is_steered_to(source, wire::protocol_tcp, tcp(80, 31'000, 2)));
    EXPECT_TRUE(is_steered_to(source, wire::protocol_udp, udp(53, 31'000)));
    EXPECT_TRUE(is_steered_to(source, wire::protocol_sctp, tcp(80, 31'000, 2)));
    EXPECT_FALSE(is_steered_to(source, wire::protocol_gre, tcp(80, 31'000, 2)));
  }
}

TEST_F(Steer, RangesAndPrefixesGoToTheDataPlane) {
  for (const Address& wide : {wide4, wide6}) {
    for (const std::uint16_t port : std::to_array<std::uint16_t>({8'000, 8'500, 8'999}))
      EXPECT_TRUE(is_steered_to(wide, wire::protocol_tcp, tcp(1'000, port, 2)));
    for (const std::uint16_t port : std::to_array<std::uint16_t>({7'999, 9'000}))
      EXPECT_FALSE(is_steered_to(wide, wire::protocol_tcp, tcp(1'000, port, 2)));
    EXPECT_FALSE(is_steered_to(wide, wire::protocol_udp, udp(1'000, 8'500)));
    EXPECT_FALSE(is_steered_to(wide, wire::protocol_gre, Bytes(8, 0)));
  }
  EXPECT_TRUE(is_steered_to(wide6, wire::protocol_sctp, tcp(1, 1, 2)));
  EXPECT_FALSE(is_steered_to(wide4, wire::protocol_sctp, tcp(1, 8'500, 2)));
  EXPECT_TRUE(is_steered_to(vip4, wire::protocol_sctp, tcp(1, 9'009, 2)));
  EXPECT_FALSE(is_steered_to(vip4, wire::protocol_tcp, tcp(1, 9'009, 2)));
  EXPECT_TRUE(is_steered_to(wide4, wire::protocol_icmp, icmp(wire::icmp_echo_request)));
  EXPECT_FALSE(is_steered_to(wide4, wire::protocol_icmp, icmp(wire::icmp_echo_reply)));
  EXPECT_FALSE(is_steered_to(address("203.0.113.64"), wire::protocol_tcp, tcp(1, 8'500, 2)));
}

TEST_F(Steer, AnyProtocolMeansAnyButNeighbourDiscovery) {
  for (const Address& any : {any4, any6}) {
    for (const std::uint8_t protocol : std::to_array<std::uint8_t>({6, 17, 47, 50, 132, 254}))
      EXPECT_TRUE(is_steered_to(any, protocol, udp(1, 2, Bytes(20, 0)))) << int{protocol};
  }
  EXPECT_TRUE(is_steered_to(any4, wire::protocol_icmp, icmp(wire::icmp_echo_reply)));
  EXPECT_TRUE(is_steered_to(any6, wire::protocol_icmpv6, icmp(wire::icmpv6_echo_reply)));
  for (std::uint8_t type = 133; type <= 137; ++type)
    EXPECT_FALSE(is_steered_to(any6, wire::protocol_icmpv6, icmp(type))) << int{type};
}

TEST(SteerPrefixRules, MergeWhatMeetsAndWidenWhatIsTooMuch) {
  const auto rule_of = [](const std::vector<Listening>& wide) {
    return std::bit_cast<steer_prefix>(bpf::prefix_rules_of(wide).begin()->second);
  };
  steer_prefix rule = rule_of({listening("203.0.113.0/24", "10-20", Protocol::tcp),
                               listening("203.0.113.0/24", "21-30", Protocol::tcp),
                               listening("203.0.113.0/24", "5-12", Protocol::tcp)});
  ASSERT_EQ(rule.ranges, 1);
  EXPECT_EQ(rule.range[0].first, 5);
  EXPECT_EQ(rule.range[0].last, 30);
  std::vector<Listening> many;
  for (std::uint16_t i = 0; i <= STEER_RANGES_MAX; ++i)
    many.push_back({VipBlock::parse("203.0.113.0/24").value(),
                    Port(static_cast<std::uint16_t>(1'000 + 2 * i)), Protocol::udp});
  rule = rule_of(many);
  ASSERT_EQ(rule.ranges, 1);
  EXPECT_EQ(rule.range[0].first, 0);
  EXPECT_EQ(rule.range[0].last, 0xffff);
  many.pop_back();
  EXPECT_EQ(rule_of(many).ranges, STEER_RANGES_MAX);
}

TEST_F(Steer, EchoRequestsAndErrorsForVips) {
  using namespace wire;
  EXPECT_TRUE(is_steered_to(vip4, protocol_icmp, icmp(icmp_echo_request)));
  EXPECT_FALSE(is_steered_to(vip4, protocol_icmp, icmp(icmp_echo_reply)));
  EXPECT_TRUE(is_steered_to(vip6, protocol_icmpv6, icmp(icmpv6_echo_request)));
  EXPECT_FALSE(is_steered_to(vip6, protocol_icmpv6, icmp(icmpv6_echo_reply)));
  EXPECT_FALSE(is_steered_to(vip6, protocol_icmpv6, icmp(135))) << "neighbour solicitation";
  for (const std::uint8_t type : std::to_array<std::uint8_t>({3, 11, 12})) {
    EXPECT_TRUE(is_steered_to(vip4, protocol_icmp, icmp(type)));
    EXPECT_TRUE(is_steered_to(source4, protocol_icmp, icmp(type)));
    EXPECT_FALSE(is_steered_to(other4, protocol_icmp, icmp(type)));
  }
  for (const std::uint8_t type : std::to_array<std::uint8_t>({1, 2, 3, 4})) {
    EXPECT_TRUE(is_steered_to(vip6, protocol_icmpv6, icmp(type)));
    EXPECT_TRUE(is_steered_to(source6, protocol_icmpv6, icmp(type)));
    EXPECT_FALSE(is_steered_to(other6, protocol_icmpv6, icmp(type)));
  }
  EXPECT_FALSE(is_steered_to(source4, protocol_icmp, icmp(icmp_echo_request)))
      << "the kernel answers for its own address";
  EXPECT_FALSE(is_steered_to(vip6, protocol_icmp, icmp(icmp_unreachable))) << "ICMP in IPv6";
  EXPECT_FALSE(is_steered_to(vip4, protocol_icmpv6, icmp(icmpv6_unreachable))) << "ICMPv6 in IPv4";
}

TEST_F(Steer, FragmentsFollowTheirAddress) {
  for (const std::uint16_t fragment : std::to_array<std::uint16_t>({0x2000, 0x2010, 0x0010})) {
    Ip ip{.source = client4, .destination = vip4};
    ip.fragment = fragment;
    EXPECT_TRUE(is_steered(ethernet(ipv4(ip, udp(1, 53)))));
    ip.destination = source4;
    EXPECT_TRUE(is_steered(ethernet(ipv4(ip, udp(1, 53)))));
    ip.destination = other4;
    EXPECT_FALSE(is_steered(ethernet(ipv4(ip, udp(1, 53)))));
  }
  for (const std::uint16_t offset_flags : std::to_array<std::uint16_t>({1, 8, 9})) {
    const Bytes rest = fragment_header(wire::protocol_udp, offset_flags, udp(1, 53));
    EXPECT_TRUE(is_steered_to(vip6, wire::protocol_fragment, rest));
    EXPECT_TRUE(is_steered_to(source6, wire::protocol_fragment, rest));
    EXPECT_FALSE(is_steered_to(other6, wire::protocol_fragment, rest));
  }
  // RFC 6946: not really a fragment.
  EXPECT_TRUE(is_steered_to(vip6, wire::protocol_fragment,
                            fragment_header(wire::protocol_udp, 0, udp(1, 53))));
  EXPECT_FALSE(is_steered_to(vip6, wire::protocol_fragment,
                             fragment_header(wire::protocol_udp, 0, udp(1, 54))));
}

TEST_F(Steer, ReadsThroughTagsOptionsAndExtensionHeaders) {
  const Bytes packet = ip({.source = client4, .destination = vip4}, udp(1, 53));
  EXPECT_TRUE(is_steered(ethernet(wire::ether_type_vlan, vlan(wire::ether_type_ipv4, packet))));
  EXPECT_TRUE(is_steered(ethernet(
      wire::ether_type_qinq, vlan(wire::ether_type_vlan, vlan(wire::ether_type_ipv4, packet)))));
  for (std::uint8_t words = 0; words <= 10; ++words)
    EXPECT_TRUE(is_steered(ethernet(
        ipv4({.source = client4, .destination = vip4, .fragment = 0, .option_words = words},
             udp(1, 53)))));
  Bytes chain = udp(1, 53);
  std::uint8_t next = wire::protocol_udp;
  for (int headers = 1; headers <= 8; ++headers) {
    chain = extension(next, static_cast<std::uint8_t>(headers % 3), chain);
    next = headers % 2 == 0 ? wire::protocol_routing : wire::protocol_destination_options;
    EXPECT_TRUE(is_steered_to(vip6, next, chain)) << headers;
  }
  EXPECT_FALSE(is_steered_to(vip6, next, extension(next, 0, chain))) << "a ninth";
}

TEST_F(Steer, FramesCutAtAnyLengthGoToTheKernelOrTheDataPlane) {
  const Bytes options =
      ipv4({.source = client4, .destination = vip4, .fragment = 0, .option_words = 3}, udp(1, 53));
  Ip extended{.source = client6, .destination = vip6};
  extended.protocol = wire::protocol_hop_by_hop;
  const Bytes extensions =
      ip(extended,
         extension(wire::protocol_fragment, 1, fragment_header(wire::protocol_udp, 0, udp(1, 53))));
  for (const Bytes& whole :
       {ethernet(options), ethernet(extensions),
        ethernet(wire::ether_type_vlan, vlan(wire::ether_type_ipv4, options)),
        ethernet(wire::ether_type_vlan, vlan(wire::ether_type_ipv6, extensions))}) {
    // Below an Ethernet header the kernel makes no test run. The ports end four bytes before the
    // UDP header does; a service is recognised from there on.
    for (std::size_t length = 14; length <= whole.size(); ++length) {
      const std::uint64_t truncated = counted(STEER_TRUNCATED);
      const bool expected = length + 4 >= whole.size();
      EXPECT_EQ(is_steered(Bytes(whole.begin(), whole.begin() + static_cast<long>(length))),
                expected);
      EXPECT_EQ(counted(STEER_TRUNCATED), truncated + (expected ? 0 : 1)) << length;
    }
  }
}

// --- The same question asked of the data plane.

Snapshot make_snapshot() {
  Config config;
  config.ports.push_back(
      {.name = "wan0", .driver = Driver::af_xdp, .device = "veth0", .queues = 1, .kernel_tap = {}});
  const auto add = [&config](std::string name, Protocol protocol, std::uint16_t port,
                             const Address& vip, const Address& source, const char* backend) {
    ServiceConfig service;
    service.name = std::move(name);
    service.vips = {vip};
    service.ports = {Port(port)};
    service.protocol = protocol;
    service.forward = Forward::nat;
    service.slots = 251;
    service.source_pool = {source};
    service.backends.resize(1);
    service.backends[0].name = "one";
    service.backends[0].address = address(backend);
    config.services.push_back(service);
  };
  add("web4", Protocol::tcp, 80, vip4, source4, "10.0.0.11");
  add("web6", Protocol::tcp, 80, vip6, source6, "2001:db8:2::11");
  add("dns4", Protocol::udp, 53, vip4, source4, "10.0.0.11");
  add("dns6", Protocol::udp, 53, vip6, source6, "2001:db8:2::11");
  for (const Listening& what : wide_listenings()) {
    ServiceConfig service = config.services[what.vips.prefix.address.is_ipv4() ? 0 : 1];
    service.name = "wide" + std::to_string(config.services.size());
    service.forward = Forward::ipip;
    service.source_pool.clear();
    service.vips = {what.vips};
    service.protocol = what.protocol;
    service.ports.clear();
    if (what.protocol != Protocol::any) service.ports = {what.ports};
    config.services.push_back(service);
  }
  auto snapshot = compile(config, {}, {}, nullptr);
  if (snapshot) return std::move(*snapshot);
  ADD_FAILURE() << snapshot.error()[0].path << " " << snapshot.error()[0].what;
  return {};
}

class RandomFrame {
 public:
  explicit RandomFrame(std::uint64_t seed) : random_(seed) {}

  Bytes make() {
    const bool is_ipv6 = chance(2);
    Ip ip{.source = is_ipv6 ? client6 : client4, .destination = destination(is_ipv6)};
    Bytes payload = layer4(ip.protocol);
    if (is_ipv6) {
      for (std::size_t headers = chance(3) ? below(10) : 0; headers > 0; --headers)
        payload = extended(ip.protocol, payload);
    } else {
      if (chance(4)) ip.fragment = fragments_[below(fragments_.size())];
      if (chance(4)) ip.option_words = static_cast<std::uint8_t>(below(11));
    }
    Bytes frame = tagged(test::ip(ip, payload));
    if (chance(10)) frame.resize(14 + below(frame.size() - 13));
    if (chance(10)) frame.resize(frame.size() + below(30), 0x50);
    for (std::size_t changes = chance(4) ? below(4) : 0; changes > 0; --changes)
      frame[12 + below(frame.size() - 12)] = static_cast<std::uint8_t>(random_());
    return frame;
  }

 private:
  bool chance(std::size_t one_in) { return below(one_in) == 0; }
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
  Address destination(bool is_ipv6) {
    const std::array four{vip4, source4, other4, wide4, any4};
    const std::array six{vip6, source6, other6, wide6, any6};
    return is_ipv6 ? six[below(5)] : four[below(5)];
  }
  Bytes layer4(std::uint8_t& protocol) {
    constexpr std::array<std::uint16_t, 5> ports{80, 53, 31'000, 8'999, 9'000};
    constexpr std::array<std::uint8_t, 7> protocols{6, 17, 1, 58, 47, 50, 132};
    constexpr std::array<std::uint8_t, 10> icmp_types{0, 1, 2, 3, 4, 8, 11, 12, 128, 135};
    protocol = protocols[below(protocols.size())];
    const std::uint16_t port = ports[below(ports.size())];
    if (protocol == wire::protocol_tcp) return tcp(1000, port, 2, Bytes(below(20), 1));
    if (protocol == wire::protocol_udp) return udp(1000, port, Bytes(below(20), 1));
    if (protocol == wire::protocol_sctp) return tcp(1000, port, 2);  // the ports are there too
    return icmp(icmp_types[below(icmp_types.size())], 0, Bytes(below(40), 1));
  }
  Bytes extended(std::uint8_t& next, const Bytes& payload) {
    constexpr std::array<std::uint8_t, 6> headers{0, 43, 60, 44, 51, 135};
    constexpr std::array<std::uint16_t, 3> offsets{0, 1, 0x40};
    const std::uint8_t inner = std::exchange(next, headers[below(headers.size())]);
    if (next == wire::protocol_fragment)
      return fragment_header(inner, offsets[below(offsets.size())], payload);
    // An authentication header counts in words, and has at least these two.
    return extension(
        inner, next == wire::protocol_authentication ? 0 : static_cast<std::uint8_t>(below(3)),
        payload);
  }
  Bytes tagged(const Bytes& packet) {
    Bytes out = packet;
    std::uint16_t type = ether_type_of(packet);
    for (std::size_t tags = chance(4) ? below(4) : 0; tags > 0; --tags)
      out = vlan(std::exchange(type, std::uint16_t{wire::ether_type_vlan}), out);
    return ethernet(type, out);
  }

  static constexpr std::array<std::uint16_t, 4> fragments_{0x4000, 0x2000, 0x2010, 0x0010};
  std::mt19937_64 random_;
};

// Why the two may answer differently. Both see the same destination, protocol and ports; the data
// plane looks at more of the packet, and steering must never lose what the data plane serves.
enum class Difference {
  none,
  // Steered, and then the data plane says it is the kernel's. It cannot be given back there:
  fragment_of_other,  // of a protocol without ports: later fragments do not tell, so none is asked
  // Left to the kernel though the data plane would have an opinion:
  kernel_drops_it,    // broken or mapped: a drop here, and one there
  no_service_on_vip,  // drop_no_listener, drop_icmp_unsupported: the kernel may serve a VIP too
  authentication_mobility,  // IPsec and mobile IPv6 headers, which the kernel understands better
  unexplained,
};

bool mentions_authentication_or_mobility(const Bytes& frame, const ParsedPacket& parsed) {
  if (parsed.family != Family::ipv6 || frame.size() < parsed.l3_offset + std::size_t{40})
    return false;
  std::uint8_t next = frame[parsed.l3_offset + std::size_t{6}];
  for (std::size_t at = parsed.l3_offset + std::size_t{40}; at + 1 < frame.size();) {
    if (next == wire::protocol_authentication || next == wire::protocol_mobility) return true;
    const bool is_known = next == wire::protocol_hop_by_hop || next == wire::protocol_routing ||
                          next == wire::protocol_destination_options ||
                          next == wire::protocol_fragment;
    if (!is_known) return false;
    const std::size_t bytes =
        next == wire::protocol_fragment ? 8 : (frame[at + 1] + std::size_t{1}) * 8;
    next = frame[at];
    at += bytes;
  }
  return false;
}

Difference explain_steered(const Snapshot& snapshot, const dataplane::Packet& packet) {
  if (packet.verdict != Verdict::passed_to_kernel) return Difference::none;
  const ParsedPacket& parsed = packet.parsed;
  if (snapshot.vips.find(parsed.destination) == nullptr &&
      !snapshot.wide.covers(parsed.destination))
    return Difference::unexplained;
  return parsed.is_fragment && parsed.layer4 == Layer4::other ? Difference::fragment_of_other
                                                              : Difference::unexplained;
}

Difference explain_passed(const Bytes& frame, const dataplane::Packet& packet) {
  switch (packet.verdict) {
    case Verdict::passed_to_kernel:
      return Difference::none;
    case Verdict::drop_truncated:
    case Verdict::drop_bad_ip_header:
    case Verdict::drop_bad_tcp_header:
    case Verdict::drop_bad_udp_header:
    case Verdict::drop_mapped_address:
      return Difference::kernel_drops_it;
    case Verdict::drop_no_listener:
    case Verdict::drop_icmp_unsupported:
      return Difference::no_service_on_vip;
    default:  // style: every other verdict, or none with a role, claims the packet
      return mentions_authentication_or_mobility(frame, packet.parsed)
                 ? Difference::authentication_mobility
                 : Difference::unexplained;
  }
}

std::string hex(const Bytes& bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

TEST_F(Steer, AgreesWithTheDataPlaneOnRandomFrames) {
  const Snapshot snapshot = make_snapshot();
  ASSERT_EQ(snapshot.sources.size(), 2U);
  RandomFrame random(20'250'101);
  std::map<std::pair<bool, Difference>, int> seen;
  for (int i = 0; i < 100'000 && !HasFailure(); ++i) {
    Bytes frame = random.make();
    const bool steered = is_steered(frame);
    dataplane::Packet packet;
    packet.data = frame.data();
    packet.length_bytes = static_cast<std::uint16_t>(frame.size());
    dataplane::classify(snapshot, packet);
    const Difference difference =
        steered ? explain_steered(snapshot, packet) : explain_passed(frame, packet);
    ++seen[{steered, difference}];
    EXPECT_NE(difference, Difference::unexplained)
        << (steered ? "steered, " : "passed, ") << to_string(packet.verdict) << " " << hex(frame);
  }
  // Each difference is one that happens, and most frames have none.
  EXPECT_GT((seen[{true, Difference::none}]), 10'000);
  EXPECT_GT((seen[{false, Difference::none}]), 10'000);
  EXPECT_GT((seen[{true, Difference::fragment_of_other}]), 0);
  EXPECT_GT((seen[{false, Difference::kernel_drops_it}]), 0);
  EXPECT_GT((seen[{false, Difference::no_service_on_vip}]), 0);
  EXPECT_GT((seen[{false, Difference::authentication_mobility}]), 0);
}

}  // namespace
}  // namespace sluice::test
