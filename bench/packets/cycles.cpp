#include "bench/packets/cycles.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <rte_cycles.h>

namespace sluice::bench {
namespace {

constexpr std::uint64_t interrupted_factor = 10;

}  // namespace

std::uint64_t ticks() { return rte_rdtsc(); }
std::uint64_t ticks_per_second() { return rte_get_tsc_hz(); }

Slice::Slice(std::chrono::nanoseconds length) : begin_(now()), length_(length) {}

void Slice::look() { passed_ = now() - begin_; }

std::chrono::nanoseconds Slice::now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

Watch::Watch() {
  std::array<std::uint64_t, 1001> samples{};
  for (std::uint64_t& sample : samples) {
    start();
    sample = stop();
  }
  std::ranges::nth_element(samples, samples.begin() + samples.size() / 2);
  cost_ = samples[samples.size() / 2];
}

Round summarise(std::span<std::uint32_t> bursts, double packets_per_burst) {
  if (bursts.empty()) return {};
  const auto middle = bursts.begin() + static_cast<std::ptrdiff_t>(bursts.size() / 2);
  std::ranges::nth_element(bursts, middle);
  const std::uint64_t median = *middle;
  std::uint64_t sum = 0;
  std::uint64_t count = 0;
  for (const std::uint32_t burst : bursts) {
    if (burst > median * interrupted_factor) continue;
    sum += burst;
    ++count;
  }
  return {.median = static_cast<double>(median) / packets_per_burst,
          .mean = static_cast<double>(sum) / static_cast<double>(count) / packets_per_burst};
}

}  // namespace sluice::bench
