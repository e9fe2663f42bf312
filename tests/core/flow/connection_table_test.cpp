#include "core/flow/connection_table.h"

#include <gtest/gtest.h>
#include <map>
#include <unordered_map>

#include "core/flow/entry.h"
#include "tests/core/frames.h"

namespace sluice {
namespace {

using Table4 = ConnectionTable<FlowEntry4>;
using Table6 = ConnectionTable<FlowEntry6>;

constexpr auto nobody_expendable = [](const auto&) { return false; };
constexpr auto evict_nothing = [](auto&) { FAIL() << "evicted without need"; };

template <typename Table>
struct Owned {
  std::vector<typename Table::Bucket> memory;
  Table table;
  explicit Owned(std::size_t buckets) : memory(buckets), table(memory, 0x5eed) {}
  [[nodiscard]] std::size_t capacity() const { return memory.size() * Table::ways; }
};

template <typename Entry>
void fill(Entry& entry, const typename Entry::Key& key, std::uint32_t value,
          FlowState state = FlowState::established) {
  entry.set_key(key);
  entry.flow.value = value;
  entry.flow.state = state;
}

FlowEntry6::Key key6(std::uint64_t number) {
  return {mix64(number), number, static_cast<std::uint32_t>(number * 7)};
}

TEST(ConnectionTable, EntriesFillCacheLines) {
  EXPECT_EQ(Table4::ways, 4U);
  EXPECT_EQ(Table6::ways, 2U);
  EXPECT_EQ(sizeof(Table4::Bucket), 64U);
  EXPECT_EQ(alignof(Table6::Bucket), 64U);
}

// Random operations on a table and on a map: the table may refuse an insert, and nothing else.
template <typename Table, typename MakeKey>
void run_against_model(std::size_t buckets, std::uint64_t seed, MakeKey&& make_key) {
  Owned<Table> owned(buckets);
  Table& table = owned.table;
  std::unordered_map<std::uint64_t, std::uint32_t> model;
  std::mt19937_64 random(seed);
  const std::uint64_t keys = owned.capacity() * 2;
  std::size_t refused = 0;
  for (std::uint32_t i = 0; i < 300'000; ++i) {
    const std::uint64_t number = random() % keys;
    const auto key = make_key(number);
    const std::uint64_t hash = table.hash(key);
    auto* entry = table.find(key, hash);
    const auto known = model.find(number);
    ASSERT_EQ(entry != nullptr, known != model.end()) << "operation " << i;
    if (entry != nullptr) {
      ASSERT_EQ(entry->flow.value, known->second) << "operation " << i;
    }
    if (entry == nullptr) {
      if (random() % 2 == 0) continue;
      auto* room = table.insert(hash, nobody_expendable, evict_nothing);
      if (room == nullptr) {
        ++refused;
        continue;
      }
      ASSERT_TRUE(room->is_empty()) << "an occupied entry was handed out";
      fill(*room, key, i);
      model[number] = i;
    } else if (random() % 3 == 0) {
      table.clear(*entry);
      model.erase(number);
    }
  }
  for (const auto& [number, value] : model) {
    const auto key = make_key(number);
    const auto* entry = table.find(key, table.hash(key));
    ASSERT_NE(entry, nullptr) << "lost";
    ASSERT_EQ(entry->flow.value, value);
  }
  EXPECT_LT(refused, 100'000U);
}

TEST(ConnectionTable, Ipv4BehavesLikeAMap) {
  for (const std::size_t buckets : {2, 64, 4'096})
    run_against_model<Table4>(buckets, buckets, [](std::uint64_t n) { return mix64(n); });
}

TEST(ConnectionTable, Ipv6BehavesLikeAMap) {
  for (const std::size_t buckets : {2, 64, 4'096})
    run_against_model<Table6>(buckets, buckets, key6);
}

// "At a load where insertion still nearly always succeeds".
template <typename Table, typename MakeKey>
void expect_room_for(std::size_t entries, MakeKey&& make_key) {
  Owned<Table> owned(Table::buckets_for(entries));
  std::size_t refused = 0;
  for (std::uint64_t i = 0; i < entries; ++i) {
    const auto key = make_key(i);
    auto* entry = owned.table.insert(owned.table.hash(key), nobody_expendable, evict_nothing);
    if (entry == nullptr)
      ++refused;
    else
      fill(*entry, key, static_cast<std::uint32_t>(i));
  }
  EXPECT_LT(refused, entries / 1'000 + 1) << entries << " entries";
}

TEST(ConnectionTable, TakesAsManyEntriesAsItWasMadeFor) {
  for (const std::size_t entries : {1'024, 10'000, 100'000, 1'000'000}) {
    expect_room_for<Table4>(entries, [](std::uint64_t n) { return mix64(n + 1); });
    expect_room_for<Table6>(entries, key6);
  }
}

// Empty entries are all zero too.
TEST(ConnectionTable, FindsAKeyOfZerosOnlyWhereItIs) {
  Owned<Table4> owned(2);
  Table4& table = owned.table;
  EXPECT_EQ(table.find(0, table.hash(0)), nullptr);
  for (std::uint64_t key = 1; key < 3; ++key)
    fill(*table.insert(table.hash(key), nobody_expendable, evict_nothing), key, 7);
  EXPECT_EQ(table.find(0, table.hash(0)), nullptr);
  fill(*table.insert(table.hash(0), nobody_expendable, evict_nothing), 0, 8);
  ASSERT_NE(table.find(0, table.hash(0)), nullptr);
  EXPECT_EQ(table.find(0, table.hash(0))->flow.value, 8U);
}

TEST(ConnectionTable, FullMeansNullAndLosesNothing) {
  Owned<Table4> owned(16);
  std::map<std::uint64_t, std::uint32_t> held;
  for (std::uint32_t i = 1; i < 10'000; ++i) {
    const std::uint64_t key = mix64(i);
    FlowEntry4* entry = owned.table.insert(owned.table.hash(key), nobody_expendable, evict_nothing);
    if (entry == nullptr) continue;
    fill(*entry, key, i);
    held[key] = i;
  }
  EXPECT_EQ(held.size(), owned.capacity()) << "ten thousand tries must fill 64 places";
  for (const auto& [key, value] : held) {
    const FlowEntry4* entry = owned.table.find(key, owned.table.hash(key));
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->flow.value, value);
  }
}

TEST(ConnectionTable, ExpendableEntriesGiveWayAndOthersDoNot) {
  Owned<Table4> owned(4);
  std::map<std::uint64_t, FlowState> held;
  std::size_t evictions = 0;
  const auto expendable = [](const FlowEntry4& entry) {
    return entry.flow.state == FlowState::opening;
  };
  for (std::uint32_t i = 1; i < 2'000; ++i) {
    const std::uint64_t key = mix64(i);
    FlowEntry4* entry = owned.table.insert(owned.table.hash(key), expendable, [&](auto& loser) {
      ++evictions;
      EXPECT_EQ(loser.flow.state, FlowState::opening);
      EXPECT_EQ(held.erase(loser.key_bits), 1U);
    });
    if (entry == nullptr) continue;
    ASSERT_TRUE(entry->is_empty());
    const FlowState state = i % 50 == 0 ? FlowState::established : FlowState::opening;
    fill(*entry, key, i, state);
    held[key] = state;
  }
  EXPECT_GT(evictions, 0U);
  for (const auto& [key, state] : held) {
    const FlowEntry4* entry = owned.table.find(key, owned.table.hash(key));
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->flow.state, state);
  }
}

TEST(ConnectionTable, SweepVisitsEveryEntryOnceARound) {
  Owned<Table6> owned(64);
  std::map<std::uint64_t, int> visits;
  for (std::uint64_t i = 1; i <= 70; ++i) {
    FlowEntry6* entry =
        owned.table.insert(owned.table.hash(key6(i)), nobody_expendable, evict_nothing);
    ASSERT_NE(entry, nullptr);
    fill(*entry, key6(i), static_cast<std::uint32_t>(i));
    visits[i] = 0;
  }
  std::size_t cursor = 0;
  for (const std::size_t step : {1, 7, 13, 43}) {  // 64 in all
    cursor = owned.table.sweep(cursor, step, [&](FlowEntry6& entry) { ++visits[entry.low]; });
    EXPECT_LT(cursor, 64U);
  }
  EXPECT_EQ(cursor, 0U) << "a full round ends where it began";
  for (const auto& [number, count] : visits) EXPECT_EQ(count, 1) << "entry " << number;
}

TEST(ConnectionTable, SweepMayClear) {
  Owned<Table4> owned(8);
  for (std::uint32_t i = 1; i <= 16; ++i) {
    const std::uint64_t key = mix64(i);
    if (auto* entry = owned.table.insert(owned.table.hash(key), nobody_expendable, evict_nothing))
      fill(*entry, key, i);
  }
  owned.table.sweep(5, 8, [](FlowEntry4& entry) { entry = {}; });
  std::size_t left = 0;
  owned.table.sweep(0, 8, [&](FlowEntry4&) { ++left; });
  EXPECT_EQ(left, 0U);
}

TEST(ConnectionTable, BucketsHaveRoomAndNoMoreThanThat) {
  for (std::size_t entries = 1; entries < 5'000; ++entries) {
    const std::size_t buckets = Table4::buckets_for(entries);
    ASSERT_GE(buckets, 2U);
    ASSERT_GE(buckets * Table4::ways * Table4::load_percent_max, entries * 100) << entries;
    if (buckets > 2) {
      ASSERT_LT((buckets - 1) * Table4::ways * Table4::load_percent_max, entries * 100) << entries;
    }
  }
}

}  // namespace
}  // namespace sluice
