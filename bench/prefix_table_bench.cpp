// Looking clients up in an access list of ten thousand prefixes a family.

#include "core/net/prefix_table.h"

#include <array>
#include <benchmark/benchmark.h>
#include <random>
#include <vector>

namespace sluice {
namespace {

constexpr std::size_t prefixes = 10'000;
constexpr std::size_t clients = 1 << 16;

// Prefixes as allocations have them: scattered, and for IPv6 below a few /16.
Address random_address(std::mt19937_64& random, Family family) {
  if (family == Family::ipv4)
    return Address::from_ipv4(Be32::from_host(static_cast<std::uint32_t>(random())));
  std::array<std::uint8_t, 16> bytes{};
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  bytes[0] = 0x2a;
  bytes[1] = static_cast<std::uint8_t>(bytes[1] % 16);
  return Address::from_bytes(bytes);
}

Prefix random_prefix(std::mt19937_64& random, Family family) {
  const std::uint8_t length =
      static_cast<std::uint8_t>(family == Family::ipv4 ? 16 + random() % 17 : 29 + random() % 36);
  auto bytes = random_address(random, family).bytes();
  for (unsigned bit = length + (family == Family::ipv4 ? 96U : 0U); bit < 128; ++bit)
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] & ~(0x80U >> bit % 8));
  return {Address::from_bytes(bytes), length};
}

void find(benchmark::State& state, Family family) {
  std::mt19937_64 random(1);
  std::vector<PrefixTable::Rule> rules;
  for (std::size_t i = 0; i < prefixes; ++i)
    rules.push_back({random_prefix(random, family), false});
  const PrefixTable table(rules, true);
  std::vector<Address> sources;
  for (std::size_t i = 0; i < clients; ++i) sources.push_back(random_address(random, family));
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.find(sources[next]));
    next = (next + 1) % clients;
  }
  state.counters["bytes"] = static_cast<double>(table.memory_bytes());
}
BENCHMARK_CAPTURE(find, ipv4, Family::ipv4);
BENCHMARK_CAPTURE(find, ipv6, Family::ipv6);

void build(benchmark::State& state) {
  std::mt19937_64 random(1);
  std::vector<PrefixTable::Rule> rules;
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (std::size_t i = 0; i < prefixes; ++i)
      rules.push_back({random_prefix(random, family), false});
  for (auto _ : state) benchmark::DoNotOptimize(PrefixTable(rules, true).memory_bytes());
}
BENCHMARK(build)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice
