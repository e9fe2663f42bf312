#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/contract/shared_memory.h"
#include "core/limit/source_table.h"

namespace sluice::dataplane {

/// The tables of one worker, laid out in one block of memory after a FlowsSegment header
/// (core/contract).
struct FlowMemory {
  FlowsSegment* header = nullptr;
  std::span<ConnectionTable<FlowEntry4>::Bucket> flows4;
  std::span<ConnectionTable<FlowEntry6>::Bucket> flows6;
  std::span<ConnectionTable<WideFlowEntry>::Bucket> wide;
  std::span<ConnectionTable<NatReturn4>::Bucket> returns4;
  std::span<ConnectionTable<NatReturn6>::Bucket> returns6;
  std::span<NatSession> sessions;
  std::span<ConnectionTable<AffinityEntry>::Bucket> affinities;
  std::span<SourceTable::Bucket> sources;  // only this process looks into it

  /// How much memory `lay_out` needs for this many flows of each kind, and clients
  /// for an eighth of them.
  [[nodiscard]] static std::size_t size_bytes(std::size_t flows_max);
  /// Divides zeroed memory of that size, aligned to 64, and fills in the header, its magic last.
  [[nodiscard]] static FlowMemory lay_out(std::span<std::uint8_t> memory, std::size_t flows_max,
                                          std::uint32_t worker, std::uint64_t seed,
                                          std::uint32_t pid);
};

}  // namespace sluice::dataplane
