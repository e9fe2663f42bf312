#include "core/balance/maglev.h"

#include <benchmark/benchmark.h>
#include <string>
#include <vector>

namespace sluice {
namespace {

// Weights from 1 to `weight_max` in turn.
std::vector<MaglevBackend> backends(std::uint32_t count, std::uint32_t weight_max) {
  std::vector<MaglevBackend> out;
  for (std::uint32_t i = 0; i < count; ++i)
    out.push_back({.identity = "web/backend-" + std::to_string(i),
                   .weight = 1 + i % weight_max,
                   .number = i});
  return out;
}

void build(benchmark::State& state) {
  const auto all = backends(static_cast<std::uint32_t>(state.range(0)),
                            static_cast<std::uint32_t>(state.range(1)));
  const auto slots = static_cast<std::uint32_t>(state.range(2));
  for (auto _ : state) benchmark::DoNotOptimize(build_maglev(all, slots));
}
BENCHMARK(build)
    ->ArgsProduct({{10, 100, 1'000}, {1, 10}, {65'537, 655'373}})
    ->ArgNames({"backends", "weight_max", "slots"})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice
