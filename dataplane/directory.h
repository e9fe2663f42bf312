#pragma once

#include <cstdint>

#include "core/config/snapshot.h"
#include "core/contract/shared_memory.h"

namespace sluice::dataplane {

/// Writes which number is whose into the counters file, for readers of counters and flow tables.
/// Feed only.
void write_directory(CountersSegment& segment, const Snapshot& snapshot,
                     std::uint64_t config_generation);

}  // namespace sluice::dataplane
