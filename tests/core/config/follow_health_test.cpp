#include "core/config/follow_health.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/core/sample_config.h"

// A change of health alone takes a short way through compile: it must lead where the long one does.

namespace sluice {
namespace {

using test::sample_config;
using test::sample_service;

constexpr unsigned services = 12;
constexpr unsigned backends_each = 5;

// One of each kind of choosing, with and without probes.
Config varied_config() {
  Config config = sample_config();
  config.services.clear();
  for (unsigned i = 0; i < services; ++i) {
    ServiceConfig service = sample_service({.name = "s" + std::to_string(i),
                                            .forward = i % 5 == 0 ? Forward::nat : Forward::ipip,
                                            .backends = backends_each,
                                            .slots = 251});
    service.vips = {test::ip("198.18.0." + std::to_string(i + 1))};
    service.balance = static_cast<Balance>(i % 4);
    if (service.balance == Balance::rendezvous) service.slots = 1'024;
    if (i % 3 != 0) service.health.type = ProbeType::tcp;
    service.backends[i % backends_each].weight = static_cast<std::uint16_t>(i % 3 * 5);
    service.backends[(i + 1) % backends_each].drain = i % 2 == 0;
    config.services.push_back(std::move(service));
  }
  return config;
}

SnapshotInputs inputs_of(const Config& config) {
  return {.config = std::make_shared<const Config>(config),
          .health = {},
          .paths = std::make_shared<const Paths>(test::paths_for(config))};
}

Snapshot compiled(const SnapshotInputs& inputs, const Snapshot* previous) {
  auto out = compile(inputs, previous);
  if (!out) throw std::logic_error(out.error().front().path + ": " + out.error().front().what);
  return std::move(*out);
}

// The same values in other objects, so that nothing can be taken over unseen.
SnapshotInputs copy_of(const SnapshotInputs& inputs) {
  return {.config = std::make_shared<const Config>(*inputs.config),
          .health = HealthTable(inputs.health.whole()),
          .paths = std::make_shared<const Paths>(*inputs.paths)};
}

void expect_same(const Backend& one, const Backend& other) {
  EXPECT_EQ(one.service_name, other.service_name);
  EXPECT_EQ(one.name, other.name);
  EXPECT_EQ(one.address, other.address);
  EXPECT_EQ(one.port, other.port);
  EXPECT_EQ(one.service, other.service);
  EXPECT_EQ(one.weight, other.weight);
  EXPECT_EQ(one.target, other.target);
  EXPECT_EQ(one.health, other.health);
  EXPECT_EQ(one.ramp_tenths, other.ramp_tenths);
  EXPECT_EQ(one.in_use, other.in_use);
  EXPECT_EQ(one.drained, other.drained);
  EXPECT_EQ(one.keeps_flows, other.keeps_flows);
  EXPECT_EQ(one.path, other.path);
  EXPECT_EQ(one.out_port, other.out_port);
  EXPECT_EQ(one.inner_mtu_bytes, other.inner_mtu_bytes);
  EXPECT_EQ(one.sending, other.sending);
  EXPECT_EQ(one.idle_timeout_seconds, other.idle_timeout_seconds);
  EXPECT_EQ(one.has_path, other.has_path);
  EXPECT_EQ(one.has_path, one.path.has_value());
}

void expect_same(const std::shared_ptr<const SlotTable>& one,
                 const std::shared_ptr<const SlotTable>& other) {
  ASSERT_EQ(one == nullptr, other == nullptr);
  if (one == nullptr) return;
  EXPECT_TRUE(std::ranges::equal(one->owners(), other->owners()));
}

void expect_same(const Service& one, const Service& other) {
  EXPECT_EQ(one.name, other.name);
  EXPECT_EQ(one.number, other.number);
  EXPECT_EQ(one.forward, other.forward);
  EXPECT_EQ(one.shares, other.shares);
  EXPECT_EQ(one.backends, other.backends);
  EXPECT_EQ(one.source_pool, other.source_pool);
  EXPECT_EQ(one.panic, other.panic);
  EXPECT_EQ(one.choosing.balance, other.choosing.balance);
  expect_same(one.slots, other.slots);
  expect_same(one.choosing.turns, other.choosing.turns);
  ASSERT_EQ(one.choosing.claims == nullptr, other.choosing.claims == nullptr);
  if (one.choosing.claims == nullptr) return;
  EXPECT_EQ(*one.choosing.claims, *other.choosing.claims);
}

void expect_same(const Snapshot& one, const Snapshot& other) {
  ASSERT_EQ(one.services.size(), other.services.size());
  for (std::size_t i = 0; i < one.services.size(); ++i)
    expect_same(one.services[i], other.services[i]);
  ASSERT_EQ(one.backends.size(), other.backends.size());
  for (std::size_t i = 0; i < one.backends.size(); ++i)
    expect_same(one.backends[i], other.backends[i]);
  ASSERT_EQ(one.listeners.size(), other.listeners.size());
  for (std::size_t i = 0; i < one.listeners.size(); ++i) {
    const Listener& listener = one.listeners[i];
    ASSERT_EQ(listener.in_use, other.listeners[i].in_use);
    if (!listener.in_use) continue;
    EXPECT_EQ(listener.listening(), other.listeners[i].listening());
    EXPECT_EQ(listener.service, other.listeners[i].service);
    const ListenerId id{static_cast<std::uint16_t>(i)};
    EXPECT_EQ(one.listener_of(listener.vip, listener.port, listener.protocol), id);
    EXPECT_EQ(other.listener_of(listener.vip, listener.port, listener.protocol), id);
  }
  EXPECT_EQ(one.sources, other.sources);
  EXPECT_EQ(one.hash_seed, other.hash_seed);
  EXPECT_EQ(one.source_rules_signature, other.source_rules_signature);
  EXPECT_EQ(one.config(), other.config());
  EXPECT_EQ(one.inputs.health, other.inputs.health);
}

Health::Entry random_entry(std::mt19937& random) {
  // Some name a service or a backend that there is not.
  return {"s" + std::to_string(random() % (services + 1)),
          "b" + std::to_string(random() % backends_each + (random() % 10 == 0 ? 0 : 1)),
          static_cast<TargetState>(random() % 3),
          static_cast<std::uint8_t>(random() % 4 == 0 ? random() % 12 : ramp_tenths_full)};
}

// Mostly health; now and then the configuration or the paths. The chain of short ways is compared
// with one long way from nothing at all for what does not depend on numbers, and with one long way
// from the snapshot before for everything.
TEST(FollowHealth, LeadsWhereCompilingDoes) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    std::mt19937 random{seed};
    Config config = varied_config();
    SnapshotInputs inputs = inputs_of(config);
    Snapshot last = compiled(inputs, nullptr);
    for (int step = 0; step < 150 && !testing::Test::HasFailure(); ++step) {
      const auto draw = random() % 20;
      if (draw == 0) {
        ServiceConfig& service = config.services[random() % config.services.size()];
        service.backends[random() % service.backends.size()].weight =
            static_cast<std::uint16_t>(random() % 4);
        if (random() % 2 == 0 && config.services.size() > services / 2)
          config.services.erase(config.services.begin());
        inputs.config = std::make_shared<const Config>(config);
      } else if (draw == 1) {
        Paths paths = test::paths_for(config);
        paths.entries.resize(random() % paths.entries.size());
        inputs.paths = std::make_shared<const Paths>(std::move(paths));
      } else if (draw == 2) {
        inputs.health = {};
      } else {
        for (unsigned i = 0; i <= random() % 5; ++i) inputs.health.set(random_entry(random));
      }
      SCOPED_TRACE("seed " + std::to_string(seed) + ", step " + std::to_string(step));
      Snapshot next = compiled(inputs, &last);
      expect_same(next, compiled(copy_of(inputs), &last));
      const Snapshot from_nothing = compiled(copy_of(inputs), nullptr);
      for (const Service& service : from_nothing.services) {
        const Service* const same = next.service(service.name);
        ASSERT_NE(same, nullptr);
        ASSERT_EQ(same->slots->size(), service.slots->size());
        for (std::uint32_t slot = 0; slot < service.slots->size(); ++slot)
          ASSERT_EQ(next.backend(BackendId{same->slots->owner(slot)}).name,
                    from_nothing.backend(BackendId{service.slots->owner(slot)}).name);
      }
      last = std::move(next);
    }
  }
}

TEST(FollowHealth, SharesWhatIsNotTouched) {
  const Config config = varied_config();
  SnapshotInputs inputs = inputs_of(config);
  for (const ServiceConfig& service : config.services)
    for (const BackendConfig& backend : service.backends)
      inputs.health.set({service.name, backend.name, TargetState::up});
  const Snapshot before = compiled(inputs, nullptr);
  inputs.health.set({"s7", "b2", TargetState::down});
  const Snapshot after = compiled(inputs, &before);
  EXPECT_EQ(after.inputs.config, before.inputs.config);
  for (const Service& service : after.services) {
    const bool is_touched = service.name == "s7";
    EXPECT_EQ(service.slots == before.services[service.number].slots, !is_touched);
  }
  const auto place = static_cast<std::size_t>(before.services[7].backends[1]);
  EXPECT_EQ(before.backends[place].health, TargetState::up) << "the one before stays as it was";
  EXPECT_EQ(after.backends[place].health, TargetState::down);
  EXPECT_EQ(after.vips.find(config.services[0].vips[0].prefix.address),
            before.vips.find(config.services[0].vips[0].prefix.address))
      << "one table of VIPs";
}

}  // namespace
}  // namespace sluice
