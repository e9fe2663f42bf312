#pragma once

#include <algorithm>
#include <cstddef>

#include "core/contract/shared_memory.h"

namespace sluice::dataplane {

/// Shows the world how full a table is.
inline void show_use(WorkerCounters& counters, TableKind kind, std::size_t used, std::size_t size) {
  TableGauge& gauge = counters.tables[static_cast<std::size_t>(kind)];
  gauge.used = used;
  gauge.used_max = std::max<std::uint64_t>(gauge.used_max, used);
  gauge.size = size;
}

}  // namespace sluice::dataplane
