#include "core/config/compile.h"

#include <benchmark/benchmark.h>
#include <string>

#include "core/config/diff.h"

// A change of one service among many: what the control plane and the data plane each pay for it.

namespace sluice {
namespace {

Address address_of(std::uint32_t network, unsigned number) {
  return Address::from_ipv4(Be32::from_host(network + number));
}

Config config_of(unsigned services, unsigned backends_each = 8, std::uint32_t slots = 1'021) {
  constexpr std::uint32_t vips = 0xc6120000;      // 198.18.0.0
  constexpr std::uint32_t backends = 0x0a000000;  // 10.0.0.0
  Config out;
  out.ports.push_back({.name = "wan0", .driver = Driver::vdev, .device = "net_null0"});
  for (unsigned i = 0; i < services; ++i) {
    ServiceConfig service;
    service.name = "service-" + std::to_string(i);
    service.vips = {address_of(vips, i + 1)};
    service.ports = {Port(443)};
    service.slots = slots;
    service.health.type = ProbeType::tcp;
    for (unsigned b = 1; b <= backends_each; ++b) {
      BackendConfig backend;
      backend.name = "backend-" + std::to_string(b);
      backend.address = address_of(backends, i * backends_each + b);
      service.backends.push_back(std::move(backend));
    }
    out.services.push_back(std::move(service));
  }
  return out;
}

Snapshot compiled(const Config& config, const Snapshot* previous) {
  auto out = compile(config, {}, {}, previous);
  return out ? std::move(*out) : Snapshot{};
}

// Another weight in the last service each time.
void change_one(benchmark::State& state) {
  Config config = config_of(static_cast<unsigned>(state.range(0)));
  const Snapshot before = compiled(config, nullptr);
  for (auto _ : state) {
    std::uint16_t& weight = config.services.back().backends.front().weight;
    weight = weight == 1 ? 2 : 1;
    const Snapshot after = compiled(config, &before);
    benchmark::DoNotOptimize(&after.services[0]);
    if (after.services.empty()) state.SkipWithError("the configuration does not compile");
  }
}
BENCHMARK(change_one)->Arg(10)->Arg(100)->Arg(1'000)->Arg(4'000)->Unit(benchmark::kMillisecond);

SnapshotInputs all_up(Config config) {
  SnapshotInputs out;
  Health health;
  for (const ServiceConfig& service : config.services)
    for (const BackendConfig& backend : service.backends)
      health.entries.push_back({service.name, backend.name, TargetState::up});
  out.health = HealthTable(health);
  out.config = std::make_shared<const Config>(std::move(config));
  return out;
}

// One backend of the last service of a hundred backends goes down and comes back: slots of the
// default number, and everything shared that can be. What is freed is part of the time.
void flip(benchmark::State& state) {
  const auto services = static_cast<unsigned>(state.range(0));
  SnapshotInputs inputs = all_up(config_of(services, 100, 65'537));
  auto last = compile(inputs, nullptr);
  if (!last) return state.SkipWithError("the configuration does not compile");
  bool is_up = true;
  for (auto _ : state) {
    is_up = !is_up;
    inputs.health.set({"service-" + std::to_string(services - 1), "backend-50",
                       is_up ? TargetState::up : TargetState::down});
    auto next = compile(inputs, &*last);
    last = std::move(next);
  }
}
BENCHMARK(flip)->Arg(10)->Arg(100)->Arg(1'000)->Unit(benchmark::kMillisecond);

// What that costs where nothing is known: at the start.
void compile_all(benchmark::State& state) {
  const auto services = static_cast<unsigned>(state.range(0));
  const SnapshotInputs inputs = all_up(config_of(services, 100, 65'537));
  for (auto _ : state) benchmark::DoNotOptimize(compile(inputs, nullptr));
}
BENCHMARK(compile_all)->Arg(10)->Arg(100)->Arg(1'000)->Unit(benchmark::kMillisecond);

// The first service is taken away, so that every other is found at another place than before.
void plan_removal(benchmark::State& state) {
  Config config = config_of(static_cast<unsigned>(state.range(0)));
  const Snapshot before = compiled(config, nullptr);
  config.services.erase(config.services.begin());
  for (auto _ : state) benchmark::DoNotOptimize(diff(before, compiled(config, &before)));
}
BENCHMARK(plan_removal)->Arg(10)->Arg(100)->Arg(1'000)->Arg(4'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice
