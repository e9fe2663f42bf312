#include "core/config/diff.h"

#include <gtest/gtest.h>

#include "tests/core/sample_config.h"

namespace sluice {
namespace {

using test::compiled;
using test::sample_config;

// The plan from one configuration to another.
Plan plan_of(const Config& before, const Config& after) {
  const Snapshot old = compiled(before);
  return diff(old, compiled(after, {}, &old));
}

std::string text_of(const Plan& plan) {
  std::string out;
  for (const Change& change : plan.changes) {
    out += change.kind == Change::Kind::added     ? "+ "
           : change.kind == Change::Kind::removed ? "- "
                                                  : "~ ";
    out +=
        change.subject + ": " + change.detail + (change.needs_restart ? " (restart)" : "") + "\n";
  }
  return out;
}

TEST(Diff, OfTheSameIsEmpty) {
  const Plan plan = plan_of(sample_config(), sample_config());
  EXPECT_EQ(text_of(plan), "");
  EXPECT_TRUE(plan.shifts.empty());
  EXPECT_TRUE(plan.evicted.empty());
  EXPECT_FALSE(plan.needs_restart());
}

TEST(Diff, NamesWhatChangesInTheOperatorsWords) {
  Config after = sample_config();
  after.services[0].backends[1].weight = 20;
  after.services[0].backends[1].drain = true;
  EXPECT_EQ(text_of(plan_of(sample_config(), after)),
            "~ backend web/b2: weight 1 -> 20, drain false -> true\n");
  after = sample_config();
  after.services[0].health.rise = 5;
  after.services[0].ports = {Port(80), Port(81)};
  EXPECT_EQ(text_of(plan_of(sample_config(), after)),
            "~ service web: port [80] -> [80, 81], health.rise 2 -> 5\n");
  after = sample_config();
  after.services[0].forward = Forward::gue;
  after.services[0].gue_variant = 0;
  after.services[0].gue_port = Port(5'555);
  EXPECT_EQ(text_of(plan_of(sample_config(), after)),
            "~ service web: forward ipip -> gue, gue_variant 1 -> 0, gue_port 6080 -> 5555\n");
  after = sample_config();
  after.services[0].tunnel_source = TunnelSource::parse("198.18.0.0/16").value();
  after.services[0].tunnel_dscp = TunnelDscp::parse("46").value();
  EXPECT_EQ(text_of(plan_of(sample_config(), after)),
            "~ service web: tunnel_source route -> 198.18.0.0/16, tunnel_dscp copy -> 46\n");
}

TEST(Diff, NamesWhatComesAndGoes) {
  Config after = sample_config();
  after.services[0].backends.pop_back();
  BackendConfig backend;
  backend.name = "b9";
  backend.address = test::ip("10.0.1.9");
  after.services[0].backends.push_back(backend);
  const Plan plan = plan_of(sample_config(), after);
  EXPECT_EQ(text_of(plan), "+ backend web/b9: 10.0.1.9 weight 1\n- backend web/b3: \n");
  ASSERT_EQ(plan.evicted.size(), 1U);
  EXPECT_EQ(compiled(sample_config()).backend(plan.evicted[0]).name, "b3");

  Config other = sample_config({.name = "api"});
  EXPECT_EQ(text_of(plan_of(sample_config(), other)),
            "+ service api: [203.0.113.10] port [80] tcp ipip, 3 backends\n- service web: \n");
  EXPECT_EQ(plan_of(sample_config(), other).evicted.size(), 3U);
}

TEST(Diff, PortsAndDataplaneNeedARestart) {
  Config after = sample_config();
  after.dataplane.flows_max = 2'000;
  EXPECT_EQ(text_of(plan_of(sample_config(), after)),
            "~ dataplane: flows_max 1000000 -> 2000 (restart)\n");
  Config two = sample_config();
  two.ports.push_back({.name = "lan0", .driver = Driver::vdev, .device = "net_null1"});
  EXPECT_EQ(text_of(plan_of(sample_config(), two)), "+ port lan0: vdev net_null1 (restart)\n");
  Config swapped = two;
  std::swap(swapped.ports[0], swapped.ports[1]);
  EXPECT_EQ(text_of(plan_of(two, swapped)), "~ port: order of the list (restart)\n");
  EXPECT_TRUE(plan_of(two, swapped).needs_restart());
}

TEST(Diff, CountsTheSlotsThatMove) {
  Config after = sample_config({.backends = 4});
  const Plan plan = plan_of(sample_config(), after);
  ASSERT_EQ(plan.shifts.size(), 1U);
  EXPECT_EQ(plan.shifts[0].service, "web");
  EXPECT_EQ(plan.shifts[0].slots, 1'021U);
  const Snapshot old = compiled(sample_config());
  const Snapshot fresh = compiled(after, {}, &old);
  std::uint32_t moved = 0;
  for (std::uint32_t slot = 0; slot < 1'021; ++slot)
    moved += old.services[0].slots->owner(slot) != fresh.services[0].slots->owner(slot) ? 1 : 0;
  EXPECT_EQ(plan.shifts[0].slots_moved, moved);
  EXPECT_GT(moved, 1'021U / 4 - 10);
}

TEST(Diff, ATableOfAnotherSizeIsComparedByHash) {
  Config after = sample_config({.slots = 2'039});
  const Plan plan = plan_of(sample_config(), after);
  ASSERT_EQ(plan.shifts.size(), 1U);
  EXPECT_EQ(plan.shifts[0].slots, 2'039U);
  EXPECT_GT(plan.shifts[0].slots_moved, 0U);
  EXPECT_LE(plan.shifts[0].slots_moved, 2'039U);
}

TEST(Diff, AFirstBackendMovesEverySlot) {
  Config drained = sample_config({.backends = 1});
  drained.services[0].backends[0].drain = true;
  const Plan plan = plan_of(drained, sample_config({.backends = 1}));
  ASSERT_EQ(plan.shifts.size(), 1U);
  EXPECT_EQ(plan.shifts[0].slots_moved, 1'021U);
}

}  // namespace
}  // namespace sluice
