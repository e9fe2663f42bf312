#include <algorithm>
#include <gtest/gtest.h>
#include <random>

#include "tests/core/sample_config.h"

// The tables of each policy as compile makes them, over changes of the configuration.

namespace sluice {
namespace {

using test::compiled;

Config config_of(Balance balance, std::uint32_t slots) {
  Config config = test::sample_config({.backends = 8, .slots = slots});
  config.services[0].balance = balance;
  return config;
}

std::vector<std::string> owner_names(const Snapshot& snapshot) {
  std::vector<std::string> out;
  for (const std::uint32_t owner : snapshot.services[0].slots->owners())
    out.push_back(snapshot.backend(BackendId{owner}).name);
  return out;
}

// A balancer that has seen every change and one that has just started choose alike.
TEST(FillSlots, RendezvousDependsOnNoHistory) {
  std::mt19937_64 random(11);
  const Config whole = config_of(Balance::rendezvous, 4'096);
  std::optional<Snapshot> old;
  for (int step = 0; step < 60; ++step) {
    Config config = whole;
    auto& backends = config.services[0].backends;
    std::ranges::shuffle(backends, random);
    backends.resize(1 + random() % backends.size());
    for (BackendConfig& backend : backends) {
      backend.weight = static_cast<std::uint16_t>(random() % 6);
      // Another address is another backend number, but the same claim.
      if (random() % 5 == 0)
        backend.address = test::backend_address(Family::ipv4, 100 + step % 100);
    }
    Snapshot next = compiled(config, {}, old ? &*old : nullptr);
    EXPECT_EQ(owner_names(next), owner_names(compiled(config))) << "step " << step;
    old = std::move(next);
  }
}

TEST(FillSlots, APolicyThatChangesMakesTheTableAnew) {
  const Snapshot maglev = compiled(config_of(Balance::maglev, 4'099));
  const Snapshot rendezvous = compiled(config_of(Balance::rendezvous, 4'096), {}, &maglev);
  EXPECT_EQ(owner_names(rendezvous), owner_names(compiled(config_of(Balance::rendezvous, 4'096))));
  ASSERT_NE(rendezvous.services[0].choosing.claims, nullptr);
  const Snapshot larger = compiled(config_of(Balance::rendezvous, 8'192), {}, &rendezvous);
  EXPECT_EQ(owner_names(larger), owner_names(compiled(config_of(Balance::rendezvous, 8'192))));
  const Snapshot turns = compiled(config_of(Balance::weighted_round_robin, 4'099), {}, &maglev);
  ASSERT_NE(turns.services[0].choosing.turns, nullptr);
  EXPECT_EQ(turns.services[0].choosing.turns->size(), 8U);
  EXPECT_EQ(owner_names(turns), owner_names(maglev)) << "what flows without memory go by";
}

TEST(FillSlots, WhatHasNotChangedIsTakenOver) {
  for (const auto& [balance, slots] :
       {std::pair(Balance::rendezvous, 4'096U), std::pair(Balance::weighted_round_robin, 4'099U)}) {
    const Snapshot first = compiled(config_of(balance, slots));
    const Snapshot second = compiled(config_of(balance, slots), {}, &first);
    EXPECT_EQ(second.services[0].slots, first.services[0].slots);
    EXPECT_EQ(second.services[0].choosing.claims, first.services[0].choosing.claims);
    EXPECT_EQ(second.services[0].choosing.turns, first.services[0].choosing.turns);
  }
}

TEST(FillSlots, OnlyMaglevAndRendezvousByFlowArePlain) {
  Config config = config_of(Balance::maglev, 4'099);
  EXPECT_TRUE(compiled(config).services[0].choosing.is_plain);
  config.services[0].backends[3].max_connections = 7;
  EXPECT_FALSE(compiled(config).services[0].choosing.is_plain);
  config = config_of(Balance::maglev, 4'099);
  config.services[0].hash = HashOf::source;
  EXPECT_FALSE(compiled(config).services[0].choosing.is_plain);
  EXPECT_FALSE(compiled(config).services[0].choosing.depends_on_state());
  config = config_of(Balance::weighted_least_connection, 4'099);
  EXPECT_TRUE(compiled(config).services[0].choosing.depends_on_state());
  EXPECT_TRUE(compiled(config_of(Balance::rendezvous, 4'096)).services[0].choosing.is_plain);
}

}  // namespace
}  // namespace sluice
