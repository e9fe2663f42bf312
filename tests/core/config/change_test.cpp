#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <vector>

#include "core/config/choose_shares.h"
#include "core/config/diff.h"
#include "core/config/explain.h"
#include "tests/core/sample_config.h"

// What a change costs, and how a backend that comes up takes its share.

namespace sluice {
namespace {

using test::compiled;
using test::sample_config;

Config checked_config(unsigned backends) {
  Config config = sample_config({.backends = backends, .slots = 10'007});
  config.services[0].health.type = ProbeType::tcp;
  return config;
}

Health all_up(const Config& config) {
  Health out;
  for (const ServiceConfig& service : config.services)
    for (const BackendConfig& backend : service.backends)
      out.entries.push_back({service.name, backend.name, TargetState::up});
  return out;
}

double share_of(const Snapshot& snapshot, unsigned number) {
  const SlotTable& slots = *snapshot.services[0].slots;
  const auto owned = std::ranges::count_if(slots.owners(), [&](std::uint32_t owner) {
    return snapshot.backend(BackendId{owner}).name == "b" + std::to_string(number);
  });
  return static_cast<double>(owned) / slots.size();
}

TEST(SlowStart, TakesTenthsOfItsShare) {
  const Config config = checked_config(4);
  Health health = all_up(config);
  for (std::uint8_t tenths = 1; tenths <= ramp_tenths_full; ++tenths) {
    health.entries[2].ramp_tenths = tenths;
    const Snapshot snapshot = compiled(config, health);
    const double wanted = tenths / (30.0 + tenths);
    EXPECT_NEAR(share_of(snapshot, 3), wanted, 0.002) << int{tenths} << " tenths";
    EXPECT_NEAR(share_of(snapshot, 1), 10 / (30.0 + tenths), 0.002);
    EXPECT_FALSE(snapshot.services[0].panic);
  }
}

TEST(SlowStart, CountsOnTopOfWeights) {
  Config config = checked_config(2);
  config.services[0].backends[0].weight = 300;
  config.services[0].backends[1].weight = 1'000;
  Health health = all_up(config);
  health.entries[1].ramp_tenths = 3;
  EXPECT_NEAR(share_of(compiled(config, health), 2), 0.5, 0.002);
}

TEST(SlowStart, OfTheOnlyOneOrOfAllIsNone) {
  Config config = checked_config(3);
  Health health = all_up(config);
  const Snapshot full = compiled(config, health);
  for (Health::Entry& entry : health.entries) entry.ramp_tenths = 2;
  const Snapshot all_slow = compiled(config, health);
  EXPECT_TRUE(
      std::ranges::equal(all_slow.services[0].slots->owners(), full.services[0].slots->owners()))
      << "shares are of each other";
  health.entries[0].state = health.entries[1].state = TargetState::down;
  EXPECT_EQ(share_of(compiled(config, health), 3), 1.0);
}

TEST(SlowStart, OfAForeignSenderIsKeptInRange) {
  const Config config = checked_config(2);
  Health health = all_up(config);
  health.entries[0].ramp_tenths = 0;
  health.entries[1].ramp_tenths = 255;
  const Snapshot snapshot = compiled(config, health);
  EXPECT_NEAR(share_of(snapshot, 1), 1 / 11.0, 0.002) << "0 counts as 1, 255 as 10";
}

TEST(SlowStart, OfABackendThatIsNotProbed) {
  Config config = sample_config({.backends = 2, .slots = 10'007});
  Health health;
  health.entries.push_back({"web", "b2", TargetState::up, 1});
  EXPECT_NEAR(share_of(compiled(config, health), 2), 1 / 11.0, 0.002);
  health.entries[0].state = TargetState::down;
  EXPECT_EQ(compiled(config, health).backends[1].health, TargetState::up) << "nobody asked it";
}

TEST(SlowStart, IsTold) {
  const Config config = checked_config(1);
  Health health = all_up(config);
  health.entries[0].ramp_tenths = 3;
  const FiveTuple tuple{test::ip("198.51.100.7"), test::vip_of(Family::ipv4), Port(40'000),
                        Port(80), Protocol::tcp};
  const Explanation told = explain(compiled(config, health), tuple, std::nullopt);
  const auto tells = [](const std::string& reason) {
    return reason.find("b1 (up, ramping 30%)") != std::string::npos;
  };
  EXPECT_TRUE(std::ranges::any_of(told.reasons, tells));
}

TEST(SlowStart, CountsForTheOrderOfTheLeastLoaded) {
  Config config = checked_config(2);
  config.services[0].balance = Balance::weighted_least_connection;
  Health health = all_up(config);
  health.entries[0].ramp_tenths = 1;
  const FiveTuple tuple{test::ip("198.51.100.7"), test::vip_of(Family::ipv4), Port(40'000),
                        Port(80), Protocol::tcp};
  const std::vector<std::uint64_t> active_flows{1, 4};
  const Explanation told = explain(compiled(config, health), tuple, std::nullopt, active_flows);
  EXPECT_NE(told.reasons.back().find("b2 (weight 1, 4 flows), b1 (weight 1, ramping 10%, 1 flows)"),
            std::string::npos)
      << told.reasons.back();
}

TEST(OnDeath, IsToldOfAKnownFlow) {
  Config config = checked_config(2);
  Health health = all_up(config);
  const Snapshot before = compiled(config, health);
  health.entries[0].state = TargetState::down;
  const FiveTuple tuple{test::ip("198.51.100.7"), test::vip_of(Family::ipv4), Port(40'000),
                        Port(80), Protocol::tcp};
  const Target entry = before.backends[0].target;
  EXPECT_EQ(explain(compiled(config, health, &before), tuple, entry).backend_name, "b2");
  config.services[0].on_death = OnDeath::reset;
  const Explanation told = explain(compiled(config, health, &before), tuple, entry);
  EXPECT_FALSE(told.backend);
  EXPECT_NE(told.reasons.at(1).find("b1, which is down: the client is reset"), std::string::npos)
      << told.reasons.at(1);
}

TEST(OnDeath, HoldsForTcpAndAlwaysWithNat) {
  for (const Forward forward : {Forward::ipip, Forward::l2dsr, Forward::nat})
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
      for (const OnDeath on_death : {OnDeath::repick, OnDeath::reset}) {
        Config config = sample_config({.forward = forward, .protocol = protocol});
        config.services[0].on_death = on_death;
        if (protocol == Protocol::udp && on_death == OnDeath::reset) {
          const auto errors = validate(config);
          ASSERT_EQ(errors.size(), 1U);
          EXPECT_EQ(errors[0].path, "service[0].on_death");
          continue;
        }
        EXPECT_EQ(
            compiled(config).services[0].resets_on_death,
            protocol == Protocol::tcp && (forward == Forward::nat || on_death == OnDeath::reset));
      }
}

TEST(SlowStart, HasLimits) {
  using namespace std::chrono_literals;
  Config config = checked_config(1);
  for (const auto good : {0ms, 1'000ms, 3'600'000ms}) {
    config.services[0].slow_start = good;
    EXPECT_TRUE(validate(config).empty()) << good.count();
  }
  for (const auto bad : {-1ms, 999ms, 3'600'001ms}) {
    config.services[0].slow_start = bad;
    ASSERT_EQ(validate(config).size(), 1U) << bad.count();
    EXPECT_EQ(validate(config)[0].path, "service[0].slow_start");
  }
}

// A thousand services of eight backends, each on a VIP of its own.
Config large_config(unsigned services) {
  Config config = sample_config();
  config.services.clear();
  for (unsigned i = 0; i < services; ++i) {
    ServiceConfig service =
        test::sample_service({.name = "s" + std::to_string(i), .backends = 8, .slots = 1'021});
    service.vips = {
        test::ip("198.18." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1))};
    service.health.type = ProbeType::tcp;
    config.services.push_back(std::move(service));
  }
  return config;
}

TEST(Change, OfOneServiceLeavesTheOthersTables) {
  Config config = large_config(1'000);
  Health health = all_up(config);
  const Snapshot before = compiled(config, health);
  const auto expect_only_changed = [&](const Snapshot& after, const std::string& changed) {
    for (const Service& service : after.services) {
      const auto old = std::ranges::find(before.services, service.name, &Service::name);
      if (old == before.services.end()) continue;
      EXPECT_EQ(service.slots == old->slots, service.name != changed) << service.name;
    }
  };
  Config weighted = config;
  weighted.services[500].backends[3].weight = 7;
  expect_only_changed(compiled(weighted, health, &before), "s500");
  Health flipped = health;
  flipped.entries[700 * 8 + 2].state = TargetState::down;
  expect_only_changed(compiled(config, flipped, &before), "s700");
  Health ramping = health;
  ramping.entries[300 * 8 + 2].ramp_tenths = 5;
  expect_only_changed(compiled(config, ramping, &before), "s300");
  Config fewer = config;  // all places behind it move up
  fewer.services.erase(fewer.services.begin());
  fewer.services[9].backends[0].drain = true;
  expect_only_changed(compiled(fewer, health, &before), "s10");
}

// With a table of 65,537 slots a service, building all of them again takes seconds; an unoptimised
// build on a busy machine gets ten times what it needs.
TEST(Change, OfOneServiceOfAThousandIsQuick) {
  Config config = large_config(1'000);
  const Health health = all_up(config);
  const Snapshot before = compiled(config, health);
  config.services[999].backends[0].weight = 5;
  const Paths paths = test::paths_for(config);
  const auto start = std::chrono::steady_clock::now();
  const auto after = compile(config, health, paths, &before);
  ASSERT_TRUE(after);
  const Plan plan = diff(before, *after);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  ASSERT_EQ(plan.changes.size(), 1U);
  EXPECT_EQ(plan.shifts.size(), 1U);
}

// The panic rule, for every way in which three backends can be: the up ones take the flows; while
// there is none, the unknown ones; while there is none, all.
TEST(Panic, IsTheLastResort) {
  const Config config = checked_config(3);
  for (unsigned code = 0; code < 27; ++code) {
    Health health = all_up(config);
    unsigned rest = code;
    std::array<int, 3> count{};
    for (Health::Entry& entry : health.entries) {
      entry.state = static_cast<TargetState>(rest % 3);
      ++count[rest % 3];
      rest /= 3;
    }
    const Snapshot snapshot = compiled(config, health);
    const bool panic = count[static_cast<std::size_t>(TargetState::down)] == 3;
    EXPECT_EQ(snapshot.services[0].panic, panic);
    const TargetState taken = panic ? TargetState::down
                              : count[static_cast<std::size_t>(TargetState::up)] > 0
                                  ? TargetState::up
                                  : TargetState::unknown;
    for (const Backend& backend : snapshot.backends) {
      const bool chosen =
          std::ranges::find(snapshot.services[0].shares, backend.target.backend(),
                            &SlotShare::backend) != snapshot.services[0].shares.end();
      EXPECT_EQ(chosen, backend.health == taken) << "code " << code << ", " << backend.name;
      EXPECT_EQ(backend.keeps_flows, panic || backend.health != TargetState::down);
    }
  }
}

// All that could be asked are down, and those that are not to be asked stay out of it.
TEST(Panic, NeverUsesADrainedBackendOrOneWithoutWeight) {
  Config config = checked_config(4);
  config.services[0].backends[0].drain = true;
  config.services[0].backends[1].weight = 0;
  Health health = all_up(config);
  health.entries[2].state = health.entries[3].state = TargetState::down;
  const Snapshot snapshot = compiled(config, health);
  EXPECT_TRUE(snapshot.services[0].panic);
  EXPECT_EQ(share_of(snapshot, 1) + share_of(snapshot, 2), 0.0);
  EXPECT_NEAR(share_of(snapshot, 3), 0.5, 0.01);
  EXPECT_TRUE(snapshot.backends[0].keeps_flows);
}

}  // namespace
}  // namespace sluice
