#include "dataplane/dpdk/clock.h"

#include <rte_cycles.h>

namespace sluice::dataplane {

std::uint64_t clock_ns() {
  static const double ns_per_cycle = 1e9 / static_cast<double>(rte_get_tsc_hz());
  return static_cast<std::uint64_t>(static_cast<double>(rte_rdtsc()) * ns_per_cycle);
}

}  // namespace sluice::dataplane
