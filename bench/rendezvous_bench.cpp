#include "core/balance/rendezvous.h"

#include <benchmark/benchmark.h>
#include <string>
#include <vector>

namespace sluice {
namespace {

constexpr std::uint32_t slot_count = 1U << 20;

std::vector<SlotCandidate> backends(std::uint32_t count) {
  std::vector<SlotCandidate> out;
  for (std::uint32_t i = 0; i < count; ++i)
    out.push_back({.identity = "web/backend-" + std::to_string(i), .weight = 10, .number = i});
  return out;
}

void build(benchmark::State& state) {
  const auto claims = make_claims(backends(static_cast<std::uint32_t>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(build_rendezvous(claims, slot_count));
}
BENCHMARK(build)->Arg(10)->Arg(100)->Arg(1'000)->ArgName("backends")->Unit(benchmark::kMillisecond);

// What becomes of one backend of many.
// While one starts slowly all weights are counted in tenths.
enum class Change : std::uint8_t { add, remove, heavier, lighter, begin_ramp, end_ramp };

void update(benchmark::State& state, Change change) {
  std::vector<SlotCandidate> before = backends(static_cast<std::uint32_t>(state.range(0)));
  std::vector<SlotCandidate> after = before;
  if (change == Change::add || change == Change::begin_ramp) before.pop_back();
  if (change == Change::remove) after.pop_back();
  if (change == Change::heavier) after.back().weight = 12;
  if (change == Change::lighter) after.back().weight = 8;
  for (auto* tenths : {change == Change::begin_ramp ? &after : nullptr,
                       change == Change::end_ramp ? &before : nullptr}) {
    if (tenths == nullptr) continue;
    for (SlotCandidate& candidate : *tenths) candidate.weight *= 10;
    tenths->back().weight = change == Change::begin_ramp ? 10 : 90;
  }
  const auto claims_before = make_claims(before);
  const auto claims_after = make_claims(after);
  const SlotTable table = build_rendezvous(claims_before, slot_count);
  for (auto _ : state)
    benchmark::DoNotOptimize(update_rendezvous(table, claims_before, claims_after));
}
void of_service(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(100)->Arg(1'000)->ArgName("backends")->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(update, add, Change::add)->Apply(of_service);
BENCHMARK_CAPTURE(update, remove, Change::remove)->Apply(of_service);
BENCHMARK_CAPTURE(update, heavier, Change::heavier)->Apply(of_service);
BENCHMARK_CAPTURE(update, lighter, Change::lighter)->Apply(of_service);
BENCHMARK_CAPTURE(update, begin_ramp, Change::begin_ramp)->Apply(of_service);
BENCHMARK_CAPTURE(update, end_ramp, Change::end_ramp)->Apply(of_service);

void second_best(benchmark::State& state) {
  const auto claims = make_claims(backends(static_cast<std::uint32_t>(state.range(0))));
  std::uint32_t slot = 0;
  for (auto _ : state) benchmark::DoNotOptimize(runner_up(claims, slot++));
}
BENCHMARK(second_best)->Arg(100)->Arg(1'000)->ArgName("backends");

}  // namespace
}  // namespace sluice
