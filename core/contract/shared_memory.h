#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/config/snapshot.h"
#include "core/flow/affinity_entry.h"
#include "core/flow/connection_table.h"
#include "core/flow/entry.h"
#include "core/flow/verdict.h"

// What the data plane shows the world, in files that only it writes:
//   <run-dir>/counters        CountersSegment: directory of numbers and names, then one
//   WorkerCounters per worker <run-dir>/flows.<worker>  FlowsSegment header, then the worker's
//   tables at the offsets it gives
// Readers map them read-only and check magic and version. All numbers little-endian. Counters only
// grow, each written by one worker with plain stores; a reader may see values a burst apart.

namespace sluice {

inline constexpr std::uint32_t shared_memory_magic = 0x4d534c53;  // "SLSM"
inline constexpr std::uint32_t shared_memory_version = 5;

/// Fixed-size text, cut off when too long, always terminated.
template <std::size_t Capacity>
struct FixedText {
  std::array<char, Capacity> characters{};
  void assign(std::string_view text) {
    characters = {};
    const std::size_t length = std::min(text.size(), Capacity - 1);
    std::copy_n(text.begin(), length, characters.begin());
  }
  [[nodiscard]] std::string_view view() const {
    const auto* end = std::find(characters.begin(), characters.end(), '\0');
    return {characters.data(), static_cast<std::size_t>(end - characters.data())};
  }
};

struct ListenerRecord {
  Address vip;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  std::uint8_t in_use = 0;
  FixedText<name_bytes_max + 1> service;
  std::uint16_t last_port = 0;
  std::uint8_t prefix_bits = 0;  // of the VIPs

  [[nodiscard]] Listening listening() const {
    return {VipBlock(Prefix{vip, prefix_bits}), {Port(port), Port(last_port)}, protocol};
  }
};

struct BackendRecord {
  Address address;
  std::uint32_t target = 0;  // Target bits of new flows
  std::uint8_t in_use = 0;
  std::array<std::uint8_t, 3> unused{};
  FixedText<name_bytes_max + 1> service;
  FixedText<name_bytes_max + 1> name;
};

struct TrafficCounter {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;    // of IP packets as they came in
  std::uint64_t refused = 0;  // of the packets: dropped by an access list or a limit per source
};

struct BackendCounter {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t flows = 0;  // flows that were begun on it
  // Flows that this worker remembers on it and that are not closing: no counter, goes up and down.
  // Stored atomically: other workers read it to choose by.
  std::uint64_t active = 0;
};

/// The tables of a worker that can fill up.
enum class TableKind : std::uint8_t {
  flows4,
  flows6,
  nat_sessions,
  nat_returns4,
  nat_returns6,
  fragments,
  sources,
  wide_flows,
  count_,
};
inline constexpr std::size_t table_kind_count = static_cast<std::size_t>(TableKind::count_);

/// How full a table is; not a counter, it goes up and down. Stored every millisecond or so.
struct TableGauge {
  std::uint64_t used = 0;
  std::uint64_t used_max = 0;  // the most that it ever was
  std::uint64_t size = 0;      // what it is made for; 0: the worker has not run yet
};

/// One worker's; the worker: writes, anyone: reads.
struct alignas(64) WorkerCounters {
  std::array<std::uint64_t, 64> verdicts{};  // by Verdict
  std::uint64_t bursts = 0;                  // non-empty
  std::uint64_t polls = 0;                   // all, empty ones too
  std::uint64_t flow_table_full = 0;         // flows forwarded without being remembered
  std::uint64_t flows_inserted = 0;
  std::uint64_t flows_expired = 0;
  std::uint64_t flows_evicted = 0;      // half-open ones that gave way
  std::uint64_t flows_repicked = 0;     // moved because their backend was down or gone
  std::uint64_t affinity_full = 0;      // clients that there was no room to remember
  std::uint64_t fragments_evicted = 0;  // first fragments that were forgotten before their time
  // Packets of services with quic_lb: which way they found their backend.
  std::uint64_t quic_by_connection_id = 0;
  std::uint64_t quic_by_flow = 0;       // the connection ID names no server: by flow table or slot
  std::uint64_t quic_flows_moved = 0;   // known flows whose next connection ID named another server
  std::uint64_t sources_evicted = 0;    // sources that were forgotten for newer ones
  std::uint64_t sources_untracked = 0;  // packets that no limit was applied to: no room for theirs
  std::array<TableGauge, table_kind_count> tables{};  // by TableKind
  std::uint64_t busy_ns = 0;  // spent on bursts; the rest of the time it polled in vain
  alignas(64) std::array<TrafficCounter, listeners_max> listeners;
  alignas(64) std::array<BackendCounter, backends_max> backends;
};
static_assert(verdict_count <= 64);

struct CountersSegment {
  std::uint32_t magic = 0;  // written last
  std::uint32_t version = 0;
  std::uint32_t pid = 0;
  std::uint32_t workers = 0;
  std::uint64_t boot_id = 0;             // random per start of the process
  std::uint64_t directory_sequence = 0;  // odd while the feed writes the directory (a seqlock)
  std::uint64_t config_generation = 0;   // which Config the directory speaks of
  alignas(64) std::array<ListenerRecord, listeners_max> listeners;
  std::array<Address, source_addresses_max> sources;
  std::array<BackendRecord, backends_max> backends;
  // WorkerCounters[workers] follow at the next multiple of 64.
};

[[nodiscard]] constexpr std::size_t worker_counters_offset(std::size_t worker) {
  return (sizeof(CountersSegment) + 63) / 64 * 64 + worker * sizeof(WorkerCounters);
}

struct FlowsSegment {
  std::uint32_t magic = 0;  // written last
  std::uint32_t version = 0;
  std::uint32_t pid = 0;
  std::uint32_t worker = 0;
  std::uint64_t seed = 0;  // of the tables' hashes
  FlowTick now = 0;        // the worker's clock, stored once a second
  std::uint64_t flows4_offset = 0, flows4_buckets = 0;
  std::uint64_t flows6_offset = 0, flows6_buckets = 0;
  std::uint64_t wide_offset = 0, wide_buckets = 0;
  std::uint64_t returns4_offset = 0, returns4_buckets = 0;
  std::uint64_t returns6_offset = 0, returns6_buckets = 0;
  std::uint64_t sessions_offset = 0, sessions_count = 0;
  std::uint64_t affinities_offset = 0, affinities_buckets = 0;
  std::uint64_t size_bytes = 0;  // of the whole segment
};

}  // namespace sluice
