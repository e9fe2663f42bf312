#include "core/flow/connection_table.h"

#include <algorithm>
#include <array>
#include <benchmark/benchmark.h>
#include <memory>
#include <vector>

#include "bench/huge_memory.h"
#include "core/flow/entry.h"

namespace sluice {
namespace {

constexpr std::size_t burst = 64;
constexpr std::uint64_t seed = 0x5eed;
constexpr std::size_t lookups = 1 << 22;  // different keys that are looked up, round and round

template <typename Entry>
typename Entry::Key key_of(std::uint64_t number);
template <>
FlowEntry4::Key key_of<FlowEntry4>(std::uint64_t number) {
  return mix64(number + 1);  // a bijection: no key twice
}
template <>
FlowEntry6::Key key_of<FlowEntry6>(std::uint64_t number) {
  return {.high = 0x20010db8, .low = mix64(number + 1), .rest = 7};
}

template <typename Entry>
class FilledTable {
 public:
  using Table = ConnectionTable<Entry>;
  explicit FilledTable(std::size_t capacity)
      : memory_(Table::buckets_for(capacity) * sizeof(typename Table::Bucket)),
        table_(memory_.template as<typename Table::Bucket>(), seed) {}

  /// How many of the flows 0 to `count` found a place.
  std::size_t fill(std::size_t count) {
    std::size_t placed = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto key = key_of<Entry>(i);
      Entry* entry =
          table_.insert(table_.hash(key), [](const Entry&) { return false; }, [](Entry&) {});
      if (entry == nullptr) continue;
      entry->set_key(key);
      entry->flow.state = FlowState::established;
      ++placed;
    }
    return placed;
  }
  void empty() { std::ranges::fill(memory_.bytes(), std::uint8_t{0}); }
  [[nodiscard]] const Table& table() const { return table_; }

 private:
  bench::HugeMemory memory_;
  Table table_;
};

// Looks up flows in random order, a burst at a time: first all hashes and prefetches, then all
// finds, as the packet path does. `first`: number of the first flow asked for.
template <typename Entry>
void look_up(benchmark::State& state, std::uint64_t first) {
  const auto flows = static_cast<std::size_t>(state.range(0));
  const bool prefetches = state.range(1) != 0;
  FilledTable<Entry> filled(flows);
  filled.fill(flows);
  const auto& table = filled.table();
  std::vector<typename Entry::Key> keys(lookups);
  for (std::size_t i = 0; i < keys.size(); ++i)
    keys[i] = key_of<Entry>(first + mix64(i * 3 + 1) % flows);
  std::array<std::uint64_t, burst> hashes{};
  std::size_t at = 0, found = 0, asked = 0;
  for (auto _ : state) {
    const std::span<const typename Entry::Key> some(&keys[at], burst);
    for (std::size_t i = 0; i < burst; ++i) {
      hashes[i] = table.hash(some[i]);
      if (prefetches) table.prefetch(hashes[i]);
    }
    for (std::size_t i = 0; i < burst; ++i) found += table.find(some[i], hashes[i]) != nullptr;
    asked += burst;
    at = (at + burst) % keys.size();
  }
  state.counters["time_per_lookup"] = benchmark::Counter(
      static_cast<double>(asked), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["found"] = static_cast<double>(found) / static_cast<double>(asked);
}

template <typename Entry>
void hit(benchmark::State& state) {
  look_up<Entry>(state, 0);
}
template <typename Entry>
void miss(benchmark::State& state) {
  look_up<Entry>(state, 1ULL << 40);
}

// Fills an empty table; `filled` is the part of the flows that found a place.
template <typename Entry>
void insert(benchmark::State& state) {
  const auto flows = static_cast<std::size_t>(state.range(0));
  FilledTable<Entry> filled(flows);
  std::size_t placed = 0, tried = 0;
  for (auto _ : state) {
    state.PauseTiming();
    filled.empty();
    state.ResumeTiming();
    placed += filled.fill(flows);
    tried += flows;
  }
  state.counters["time_per_insert"] = benchmark::Counter(
      static_cast<double>(tried), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["filled"] = static_cast<double>(placed) / static_cast<double>(tried);
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgsProduct({{1'000, 1'000'000, 10'000'000}, {1, 0}})->ArgNames({"flows", "prefetch"});
}
void fills(benchmark::internal::Benchmark* benchmark) {
  benchmark->Args({1'000'000})
      ->Args({10'000'000})
      ->ArgNames({"flows"})
      ->Unit(benchmark::kMillisecond);
}

BENCHMARK(hit<FlowEntry4>)->Apply(sizes);
BENCHMARK(hit<FlowEntry6>)->Apply(sizes);
BENCHMARK(miss<FlowEntry4>)->Apply(sizes);
BENCHMARK(miss<FlowEntry6>)->Apply(sizes);
BENCHMARK(insert<FlowEntry4>)->Apply(fills);
BENCHMARK(insert<FlowEntry6>)->Apply(fills);

}  // namespace
}  // namespace sluice
