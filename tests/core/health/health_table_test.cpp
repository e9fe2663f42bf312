#include "core/health/health_table.h"

#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <utility>

namespace sluice {
namespace {

using Names = std::vector<std::string>;

Health sample() {
  return {{{"web", "b2", TargetState::down},
           {"dns", "b1", TargetState::up},
           {"web", "b1", TargetState::up, 3},
           {"web", "b2", TargetState::up}}};
}

TEST(HealthTable, FindsWhatWasSaidLast) {
  const HealthTable table(sample());
  ASSERT_NE(table.find("web", "b2"), nullptr);
  EXPECT_EQ(table.find("web", "b2")->state, TargetState::up);
  EXPECT_EQ(table.find("web", "b1")->ramp_tenths, 3);
  EXPECT_EQ(table.find("web", "b3"), nullptr);
  EXPECT_EQ(table.find("mail", "b1"), nullptr);
  EXPECT_EQ(table.of("mail"), nullptr);
  const Health whole{{{"dns", "b1", TargetState::up},
                      {"web", "b1", TargetState::up, 3},
                      {"web", "b2", TargetState::up}}};
  EXPECT_EQ(table.whole(), whole);
  EXPECT_EQ(HealthTable(whole), table);
}

TEST(HealthTable, SetsInACopy) {
  const HealthTable before(sample());
  HealthTable after = before;
  after.set({"web", "b1", TargetState::down});
  after.set({"api", "b9", TargetState::up});
  after.set({"dns", "b0", TargetState::down});
  EXPECT_EQ(before.find("web", "b1")->state, TargetState::up);
  EXPECT_EQ(after.find("web", "b1")->state, TargetState::down);
  EXPECT_EQ(after.find("dns", "b0")->state, TargetState::down);
  EXPECT_EQ(HealthTable::changed_services(before, after), (Names{"api", "dns", "web"}));
  EXPECT_EQ(before.of("dns"), HealthTable(before).of("dns")) << "copies share";
  HealthTable same = before;
  same.set({"web", "b1", TargetState::up, 3});
  EXPECT_EQ(same, before) << "another object that says the same";
}

TEST(HealthTable, TellsThatABackendIsGone) {
  const HealthTable before(sample());
  const HealthTable after(Health{{{"web", "b2", TargetState::up}}});
  EXPECT_EQ(HealthTable::changed_services(before, after), (Names{"dns", "web"}));
  const std::vector<Health::Entry> wanted{{"dns", "b1", TargetState::unknown},
                                          {"web", "b1", TargetState::unknown}};
  EXPECT_EQ(HealthTable::changes(before, after), wanted);
}

// Random tables against a map; the changes from one to the next lead there.
TEST(HealthTable, ChangesLeadFromOneToTheOther) {
  std::mt19937 random{11};
  const auto name = [&](const char* prefix) { return prefix + std::to_string(random() % 5); };
  HealthTable last;
  HealthTable follower;
  for (int step = 0; step < 2'000; ++step) {
    std::map<std::pair<std::string, std::string>, Health::Entry> entries;
    HealthTable table = last;
    if (random() % 8 == 0) table = HealthTable();
    for (const Health::Entry& entry : table.whole().entries)
      entries[{entry.service, entry.backend}] = entry;
    for (unsigned i = 0; i < random() % 4; ++i) {
      const Health::Entry entry{name("s"), name("b"), static_cast<TargetState>(random() % 3),
                                static_cast<std::uint8_t>(random() % 10 + 1)};
      table.set(entry);
      entries[{entry.service, entry.backend}] = entry;
    }
    Health whole;
    for (const auto& [key, entry] : entries) whole.entries.push_back(entry);
    ASSERT_EQ(table.whole(), whole);
    for (const Health::Entry& entry : HealthTable::changes(last, table)) follower.set(entry);
    for (const auto& [key, entry] : entries) {
      const auto* const found = follower.find(key.first, key.second);
      ASSERT_NE(found, nullptr);
      ASSERT_EQ(found->state, entry.state);
      ASSERT_EQ(found->ramp_tenths, entry.ramp_tenths);
    }
    for (const Health::Entry& entry : follower.whole().entries) {
      if (entries.contains({entry.service, entry.backend})) continue;
      ASSERT_EQ(entry.state, TargetState::unknown);
    }
    last = table;
  }
}

}  // namespace
}  // namespace sluice
