#include "control/table_use.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>

namespace sluice::control {
namespace {

// Counters of two workers whose tables are as full as a test wants.
class Counters {
 public:
  Counters() {
    segment().magic = shared_memory_magic;
    segment().version = shared_memory_version;
    segment().workers = 2;
  }
  void fill(std::uint32_t worker, TableKind kind, std::uint64_t used, std::uint64_t size = 1'000) {
    TableGauge& gauge = reinterpret_cast<WorkerCounters*>(&memory_[worker_counters_offset(worker)])
                            ->tables[static_cast<std::size_t>(kind)];
    gauge.used = used;
    gauge.used_max = std::max(gauge.used_max, used);
    gauge.size = size;
  }
  [[nodiscard]] CountersView view() const {
    return CountersView::open({memory_.get(), bytes}).value();
  }

 private:
  static constexpr std::size_t bytes = worker_counters_offset(2);
  [[nodiscard]] CountersSegment& segment() const {
    return *reinterpret_cast<CountersSegment*>(memory_.get());
  }
  struct Free {
    void operator()(std::uint8_t* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::uint8_t[], Free> memory_{static_cast<std::uint8_t*>(
      std::memset(std::aligned_alloc(64, (bytes + 63) / 64 * 64), 0, bytes))};
};

const TableUse& use_of(const std::array<TableUse, table_kind_count>& uses, TableKind kind) {
  return uses[static_cast<std::size_t>(kind)];
}

TEST(TableUse, TheFullestWorkerCounts) {
  Counters counters;
  counters.fill(0, TableKind::flows4, 100);
  counters.fill(1, TableKind::flows4, 300);
  counters.fill(1, TableKind::flows4, 250);
  const auto uses = table_use(counters.view());
  const TableUse& flows = use_of(uses, TableKind::flows4);
  EXPECT_EQ(flows.name, "flows4");
  EXPECT_EQ(flows.worker, 1U);
  EXPECT_EQ(flows.percent(), 25U);
  EXPECT_EQ(flows.used_max, 300U);
  EXPECT_FALSE(flows.is_alarm());
  EXPECT_EQ(use_of(uses, TableKind::sources).percent(), 0U) << "no worker has run";
  for (const TableUse& use : uses) EXPECT_FALSE(use.name.empty() || use.remedy.empty());
}

TEST(TableAlarms, SpeakOnlyWhenALevelIsCrossed) {
  Counters counters;
  TableAlarms alarms;
  const auto lines_at = [&](std::uint64_t used) {
    counters.fill(1, TableKind::nat_sessions, used);
    return alarms.update(counters.view());
  };
  EXPECT_TRUE(lines_at(799).empty());
  const auto alarm = lines_at(800);
  ASSERT_EQ(alarm.size(), 1U);
  EXPECT_EQ(alarm[0],
            "ALARM: table nat_sessions (NAT sessions) of worker 1 is at 80% of 1000: raise "
            "flows_max");
  EXPECT_TRUE(lines_at(999).empty()) << "said already";
  EXPECT_TRUE(lines_at(700).empty()) << "not yet over";
  const auto calm = lines_at(699);
  ASSERT_EQ(calm.size(), 1U);
  EXPECT_EQ(calm[0], "table nat_sessions (NAT sessions) of worker 1 has room again: 69% of 1000");
  EXPECT_EQ(lines_at(900).size(), 1U);
}

}  // namespace
}  // namespace sluice::control
