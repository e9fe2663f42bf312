#include "tools/pktgen/clock.h"

#include <chrono>
#include <cmath>
#include <rte_cycles.h>

namespace sluice::pktgen {
namespace {

__extension__ using Wide = unsigned __int128;  // g++ and clang both have it on x86-64

constexpr int fraction_bits = 32;

}  // namespace

Clock::Clock()
    : began_ns_(static_cast<std::uint64_t>(
          std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count())),
      began_cycles_(rte_rdtsc()),
      ns_per_cycle_(static_cast<std::uint64_t>(
          std::llround(std::ldexp(1e9, fraction_bits) / static_cast<double>(rte_get_tsc_hz())))) {}

std::uint64_t Clock::now_ns() const {
  return began_ns_ + static_cast<std::uint64_t>(Wide{rte_rdtsc() - began_cycles_} * ns_per_cycle_ >>
                                                fraction_bits);
}

}  // namespace sluice::pktgen
