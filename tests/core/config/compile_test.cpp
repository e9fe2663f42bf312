#include "core/config/compile.h"

#include <gtest/gtest.h>

#include "tests/core/sample_config.h"

namespace sluice {
namespace {

using test::compiled;
using test::ip;
using test::sample_config;

Config checked_config(unsigned backends = 3) {
  Config config = sample_config({.backends = backends});
  config.services[0].health.type = ProbeType::tcp;
  return config;
}

Health health_of(std::initializer_list<TargetState> states) {
  Health out;
  for (const TargetState state : states)
    out.entries.push_back({"web", "b" + std::to_string(out.entries.size() + 1), state});
  return out;
}

const Backend& backend_named(const Snapshot& snapshot, std::string_view name) {
  for (const Backend& backend : snapshot.backends)
    if (backend.in_use && backend.name == name) return backend;
  throw std::invalid_argument("no such backend");
}

// The names of those who have slots, in the order of the configuration.
std::string chosen(const Snapshot& snapshot, std::size_t service = 0) {
  std::string out;
  for (const SlotShare& share : snapshot.services[service].shares)
    out += snapshot.backend(share.backend).name + " ";
  return out;
}

constexpr TargetState up = TargetState::up;
constexpr TargetState down = TargetState::down;
constexpr TargetState unknown = TargetState::unknown;

TEST(Compile, SaysAllThatValidateSays) {
  Config config = checked_config();
  config.services[0].slots = 4;
  config.services[0].backends[1].weight = 2'000;
  const auto result = compile(config, {}, {}, nullptr);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), validate(config));
}

TEST(Compile, FindsListenersByDestination) {
  Config config = sample_config();
  config.services[0].vips.push_back(test::vip_of(Family::ipv6));
  config.services[0].ports = {Port(80), Port(443)};
  const Snapshot snapshot = compiled(config);
  for (const Address& vip : {test::vip_of(Family::ipv4), test::vip_of(Family::ipv6)})
    for (const std::uint16_t port : {std::uint16_t{80}, std::uint16_t{443}}) {
      const auto* found = snapshot.vips.find(vip, Be16::from_host(port), Protocol::tcp);
      ASSERT_NE(found, nullptr);
      const Listener& listener = snapshot.listener(ListenerId{found->id});
      EXPECT_EQ(listener.vip, vip);
      EXPECT_EQ(listener.port, Port(port));
      EXPECT_TRUE(listener.in_use);
      EXPECT_EQ(snapshot.vips.find(vip, Be16::from_host(port), Protocol::udp), nullptr);
    }
  EXPECT_TRUE(snapshot.vips.find(test::vip_of(Family::ipv4))->is_vip);
}

TEST(Compile, HealthDecidesWhoTakesNewFlows) {
  const Config config = checked_config();
  EXPECT_EQ(chosen(compiled(config, health_of({up, up, down}))), "b1 b2 ");
  EXPECT_EQ(chosen(compiled(config, health_of({up, unknown, down}))), "b1 ");
  EXPECT_EQ(chosen(compiled(config, health_of({unknown, unknown, down}))), "b1 b2 ");
  EXPECT_EQ(chosen(compiled(config)), "b1 b2 b3 ") << "nobody has been probed yet";
}

TEST(Compile, PanicUsesAllWhenAllAreDown) {
  const Snapshot snapshot = compiled(checked_config(), health_of({down, down, down}));
  EXPECT_EQ(chosen(snapshot), "b1 b2 b3 ");
  EXPECT_TRUE(snapshot.services[0].panic);
  EXPECT_TRUE(backend_named(snapshot, "b1").keeps_flows) << "down, but so is everybody";
  const Snapshot better = compiled(checked_config(), health_of({down, down, up}), &snapshot);
  EXPECT_FALSE(better.services[0].panic);
  EXPECT_FALSE(backend_named(better, "b1").keeps_flows);
  EXPECT_TRUE(backend_named(better, "b3").keeps_flows);
}

TEST(Compile, WithoutHealthChecksEverybodyIsUp) {
  Health health = health_of({down, down, down});
  EXPECT_EQ(chosen(compiled(sample_config(), health)), "b1 b2 b3 ");
  EXPECT_FALSE(compiled(sample_config(), health).services[0].panic);
}

TEST(Compile, DrainAndWeightZeroTakeNoNewFlowsAndKeepTheirs) {
  Config config = checked_config();
  config.services[0].backends[0].drain = true;
  config.services[0].backends[1].weight = 0;
  const Snapshot snapshot = compiled(config, health_of({up, up, up}));
  EXPECT_EQ(chosen(snapshot), "b3 ");
  EXPECT_TRUE(backend_named(snapshot, "b1").keeps_flows);
  EXPECT_TRUE(backend_named(snapshot, "b2").keeps_flows);
  config.services[0].backends[2].drain = true;
  const Snapshot none = compiled(config, health_of({up, up, up}), &snapshot);
  EXPECT_EQ(chosen(none), "");
  EXPECT_TRUE(none.services[0].slots->empty());
  EXPECT_FALSE(none.services[0].panic) << "nobody is left to panic about";
}

TEST(Compile, UpButDrainedDoesNotHideTheUnknown) {
  Config config = checked_config(2);
  config.services[0].backends[0].drain = true;
  EXPECT_EQ(chosen(compiled(config, health_of({up, unknown}))), "b2 ");
}

TEST(Compile, NumbersStayWithTheirBackends) {
  Config config = sample_config({.backends = 4});
  const Snapshot first = compiled(config);
  const Target b3 = backend_named(first, "b3").target;
  std::swap(config.services[0].backends[0], config.services[0].backends[3]);
  config.services[0].backends.erase(config.services[0].backends.begin() + 1);  // b2
  config.services[0].backends[0].weight = 7;
  const Snapshot second = compiled(config, {}, &first);
  EXPECT_EQ(backend_named(second, "b3").target, b3);
  EXPECT_EQ(second.owner(b3), &backend_named(second, "b3"));
  EXPECT_EQ(second.owner(backend_named(first, "b2").target), nullptr) << "b2 is gone";
  BackendConfig again;
  again.name = "b2";
  again.address = test::backend_address(Family::ipv4, 2);
  config.services[0].backends.push_back(again);
  const Snapshot third = compiled(config, {}, &second);
  EXPECT_NE(third.owner(backend_named(third, "b2").target), nullptr);
  EXPECT_NE(backend_named(third, "b2").target, backend_named(first, "b2").target)
      << "flows of the old b2 must not be taken for the new one's";
}

TEST(Compile, AnotherAddressOrPortIsAnotherBackend) {
  Config config = sample_config({.forward = Forward::nat});
  const Snapshot first = compiled(config);
  config.services[0].backends[0].address = ip("10.0.1.77");
  config.services[0].backends[1].port = Port(8'080);
  const Snapshot second = compiled(config, {}, &first);
  EXPECT_EQ(second.owner(backend_named(first, "b1").target), nullptr);
  EXPECT_EQ(second.owner(backend_named(first, "b2").target), nullptr);
  EXPECT_NE(second.owner(backend_named(first, "b3").target), nullptr);
}

TEST(Compile, ListenerNumbersStay) {
  Config config = sample_config();
  config.services[0].ports = {Port(80), Port(443), Port(8'080)};
  const Snapshot first = compiled(config);
  config.services[0].ports = {Port(8'080), Port(80)};
  const Snapshot second = compiled(config, {}, &first);
  const auto number = [](const Snapshot& snapshot, std::uint16_t port) {
    return snapshot.vips.find(ip("203.0.113.10"), Be16::from_host(port), Protocol::tcp)->id;
  };
  EXPECT_EQ(number(second, 80), number(first, 80));
  EXPECT_EQ(number(second, 8'080), number(first, 8'080));
  EXPECT_FALSE(second.listeners[number(first, 443)].in_use);
}

TEST(Compile, TablesAreSharedWhileNothingChangesThem) {
  Config config = checked_config();
  const Health health = health_of({up, up, up});
  const Snapshot first = compiled(config, health);
  config.services[0].idle_timeout = std::chrono::seconds(77);
  const Snapshot second = compiled(config, health, &first);
  EXPECT_EQ(second.services[0].slots, first.services[0].slots) << "built again for nothing";
  config.services[0].slots = 251;
  EXPECT_EQ(compiled(config, health, &second).services[0].slots->size(), 251U);
  config.services[0].slots = 1'021;
  config.services[0].backends[0].weight = 2;
  EXPECT_NE(compiled(config, health, &second).services[0].slots, first.services[0].slots);
}

// The names behind the slots: what must be equal on every node.
std::vector<std::string> slot_names(const Snapshot& snapshot) {
  std::vector<std::string> out;
  for (const std::uint32_t owner : snapshot.services[0].slots->owners())
    out.push_back(snapshot.backend(BackendId{owner}).name);
  return out;
}

TEST(Compile, SlotsDependOnThePresentOnly) {
  std::mt19937_64 random(21);
  const Config base = checked_config(8);
  Snapshot with_history = compiled(base);
  for (int i = 0; i < 200; ++i) {
    Config config = base;
    Health health;
    auto& backends = config.services[0].backends;
    std::shuffle(backends.begin(), backends.end(), random);
    backends.resize(1 + random() % backends.size());
    for (BackendConfig& backend : backends) {
      backend.weight = static_cast<std::uint16_t>(random() % 4);
      backend.drain = random() % 5 == 0;
      health.entries.push_back({"web", backend.name, static_cast<TargetState>(random() % 3)});
    }
    with_history = compiled(config, health, &with_history);
    ASSERT_EQ(slot_names(with_history), slot_names(compiled(config, health))) << "round " << i;
  }
}

TEST(Compile, OldTargetsNeverMeanSomebodyElse) {
  std::mt19937_64 random(22);
  std::vector<std::pair<Target, std::string>> seen;  // every target that was ever handed out
  Snapshot snapshot = compiled(sample_config({.backends = 6}));
  for (int i = 0; i < 300; ++i) {
    Config config = sample_config({.backends = 6});
    for (BackendConfig& backend : config.services[0].backends) {
      const auto number = static_cast<unsigned>(random() % 200 + 1);
      backend.name = "n" + std::to_string(number) + "-" + backend.name;
      backend.address = test::backend_address(Family::ipv4, number);
    }
    snapshot = compiled(config, {}, &snapshot);
    for (const Backend& backend : snapshot.backends)
      if (backend.in_use) seen.emplace_back(backend.target, backend.name);
    for (const auto& [target, name] : seen) {
      const Backend* owner = snapshot.owner(target);
      if (owner != nullptr) {
        ASSERT_EQ(owner->name, name);
      }
    }
  }
}

TEST(Compile, SaysWhyThereIsNoPath) {
  const Config config = sample_config();
  const Config l2dsr = sample_config({.forward = Forward::l2dsr});
  const auto reason = [](const Config& used, const Paths& paths) {
    const auto snapshot = compile(used, {}, paths, nullptr);
    const Backend& backend = backend_named(*snapshot, "b1");
    EXPECT_FALSE(backend.path);
    return std::string(backend.no_path_reason);
  };
  EXPECT_EQ(reason(config, {}), "the kernel has no route or no neighbour for it yet");
  Paths paths = test::paths_for(config);
  for (Path& path : paths.entries) path.port = "eth9";
  EXPECT_EQ(reason(config, paths), "its route leaves by an interface that is no [[port]]");
  paths = test::paths_for(config);
  for (Path& path : paths.entries) path.next_hop = ip("10.0.1.99");
  EXPECT_EQ(reason(l2dsr, paths), "it is behind a router, and l2dsr needs it on the same link");
  EXPECT_TRUE(backend_named(*compile(config, {}, paths, nullptr), "b1").path) << "ipip may";
  paths = test::paths_for(config, 67);
  EXPECT_EQ(reason(config, paths), "its route has no usable source address or MTU");
  paths = test::paths_for(config);
  for (Path& path : paths.entries) path.source = ip("2001:db8::1");
  EXPECT_EQ(reason(config, paths), "its route has no usable source address or MTU");
}

TEST(Compile, TheTunnelTakesItsHeaderOffTheMtu) {
  const auto mtu = [](Forward forward, Family family) {
    const Config config =
        sample_config({.forward = forward, .vip_family = family, .backend_family = family});
    return backend_named(compiled(config), "b1").inner_mtu_bytes;
  };
  EXPECT_EQ(mtu(Forward::ipip, Family::ipv4), 1'480);
  EXPECT_EQ(mtu(Forward::ipip, Family::ipv6), 1'460);
  EXPECT_EQ(mtu(Forward::gre, Family::ipv4), 1'476);
  EXPECT_EQ(mtu(Forward::gre, Family::ipv6), 1'456);
  EXPECT_EQ(mtu(Forward::gue, Family::ipv4), 1'472);
  EXPECT_EQ(mtu(Forward::gue, Family::ipv6), 1'452);
  EXPECT_EQ(mtu(Forward::l2dsr, Family::ipv4), 1'500);
  EXPECT_EQ(mtu(Forward::nat, Family::ipv6), 1'500);
}

TEST(Compile, GueTakesItsHeaderOffTheMtuInVariant0Only) {
  Config config = sample_config({.forward = Forward::gue});
  config.services[0].gue_variant = 0;
  config.services[0].gue_port = Port(5'555);
  const Snapshot snapshot = compiled(config);
  EXPECT_EQ(backend_named(snapshot, "b1").inner_mtu_bytes, 1'468);
  EXPECT_EQ(backend_named(snapshot, "b1").tunnel->port, Port(5'555));
}

TEST(Compile, TheServicesMtuCountsWhereThePathsIsLarger) {
  Config config = sample_config();
  config.services[0].mtu_bytes = 1'400;
  EXPECT_EQ(backend_named(compiled(config), "b1").inner_mtu_bytes, 1'380);
  EXPECT_EQ(backend_named(compiled(config, {}, nullptr, 1'300), "b1").inner_mtu_bytes, 1'280);
}

TEST(Compile, TheSegmentSizeFollowsThePath) {
  const auto sizes = [](const test::ServiceSpec& spec, const char* clamp) {
    Config config = sample_config(spec);
    config.services[0].mss_clamp = MssClamp::parse(clamp).value();
    const Snapshot snapshot = compiled(config);
    const Backend& backend = backend_named(snapshot, "b1");
    return std::pair<unsigned, unsigned>(backend.mss_ipv4_bytes_max, backend.mss_ipv6_bytes_max);
  };
  using Sizes = std::pair<unsigned, unsigned>;
  EXPECT_EQ(sizes({}, "off"), Sizes(0, 0));
  EXPECT_EQ(sizes({}, "1000"), Sizes(1'000, 1'000));
  EXPECT_EQ(sizes({}, "auto"), Sizes(1'440, 1'420));
  EXPECT_EQ(sizes({.forward = Forward::nat}, "auto"), Sizes(1'460, 1'440));
  EXPECT_EQ(
      sizes({.forward = Forward::nat, .vip_family = Family::ipv6, .backend_family = Family::ipv4},
            "auto"),
      Sizes(1'460, 1'460))
      << "NAT64: IPv6 packets of 1,520 bytes fit a path of 1,500";
}

TEST(Compile, Nat64NeedsRoomForTheShortestIpv6Mtu) {
  const Config config = sample_config(
      {.forward = Forward::nat, .vip_family = Family::ipv6, .backend_family = Family::ipv4});
  EXPECT_EQ(backend_named(compiled(config), "b1").inner_mtu_bytes, 1'520);
  EXPECT_EQ(backend_named(compiled(config, {}, nullptr, 1'260), "b1").inner_mtu_bytes, 1'280);
  EXPECT_FALSE(backend_named(compiled(config, {}, nullptr, 1'259), "b1").path);
}

TEST(Compile, SourceAddressesKeepTheirIndex) {
  Config config = sample_config({.forward = Forward::nat});
  config.services[0].source_pool = {ip("10.0.9.1"), ip("10.0.9.2")};
  const Snapshot first = compiled(config);
  config.services[0].source_pool = {ip("10.0.9.3"), ip("10.0.9.2")};
  const Snapshot second = compiled(config, {}, &first);
  for (std::size_t i = 0; i < first.sources.size(); ++i)
    EXPECT_EQ(second.sources[i], first.sources[i]);
  EXPECT_EQ(second.vips.find(ip("10.0.9.2"))->source_index,
            first.vips.find(ip("10.0.9.2"))->source_index);
  EXPECT_EQ(second.vips.find(ip("10.0.9.1")), nullptr) << "not ours any more";
}

// When all indexes are spent, a new address takes that of one that is gone, never that of a pool
// that comes later in the configuration.
TEST(Compile, ANewSourceAddressDoesNotTakeTheIndexOfOneInUse) {
  Config config = sample_config({.name = "a", .forward = Forward::nat});
  config.services.push_back(test::sample_service({.name = "b", .forward = Forward::nat}));
  config.services[1].ports = {Port(81)};
  const Address kept = ip("10.0.8.1");
  config.services[0].source_pool = {ip("10.0.8.2")};
  config.services[1].source_pool = {kept};
  std::swap(config.services[0], config.services[1]);
  Snapshot snapshot = compiled(config);
  std::swap(config.services[0], config.services[1]);
  const std::uint16_t index = snapshot.vips.find(kept)->source_index;
  ASSERT_EQ(index, 0);
  for (unsigned i = 0; i < 2 * source_addresses_max; ++i) {
    config.services[0].source_pool = {Address::from_ipv4(Be32::from_host(0x0a090000 + i))};
    snapshot = compiled(config, {}, &snapshot);
    ASSERT_EQ(snapshot.vips.find(kept)->source_index, index) << "after " << i << " changes";
  }
  EXPECT_LE(snapshot.sources.size(), source_addresses_max);
}

TEST(Snapshot, OwnerIsNullForAnythingButTheHolder) {
  const Snapshot snapshot = compiled(sample_config());
  const Backend& backend = backend_named(snapshot, "b2");
  EXPECT_EQ(snapshot.owner(backend.target), &backend);
  const auto number = backend.target.backend();
  EXPECT_EQ(snapshot.owner(Target::of(number, 1)), nullptr) << "another incarnation";
  EXPECT_EQ(snapshot.owner(Target::of(BackendId{1'000}, 0)), nullptr) << "beyond the list";
  EXPECT_EQ(snapshot.owner({0xffffffff}), nullptr);
}

}  // namespace
}  // namespace sluice
