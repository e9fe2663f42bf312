#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/limit/source_rules.h"
#include "core/net/address.h"

namespace sluice {

/// What is known of each client of services with limits per source: how much of its rates it has
/// spent, and how many connections it has open. One per worker, over zeroed memory that someone
/// else owns. Time is an argument: nanoseconds of any clock that does not run backwards.
///
/// A client's row is in one of `ways` places. When all are taken, the one of them that was seen
/// longest ago and has no open connection gives way: it had its rates full again, or a little
/// before that. When all have open connections, the newcomer is not tracked: no limit applies to
/// it, so a flood of forged sources cannot shut out anybody.
class SourceTable {
 public:
  static constexpr std::size_t ways = 4;
  /// A row that is not needed: with no open connection, and not seen for this long.
  static constexpr std::uint64_t idle_ns = 60'000'000'000;

  struct alignas(32) Row {
    std::uint64_t tag = 0;  // of client and service; 0: never used
    std::uint64_t packets_full_at_ns = 0;
    std::uint64_t connections_full_at_ns = 0;
    std::uint32_t seen = 0;              // milliseconds of the clock, wrapping after 49 days
    std::uint32_t connections : 24 = 0;  // open, and begun in this epoch
    std::uint32_t epoch : 8 = 0;
  };
  static_assert(sizeof(Row) == 32);
  struct alignas(64) Bucket {
    std::array<Row, ways> rows;
  };

  /// `buckets`: a power of two. `seed` keeps strangers from building collisions.
  SourceTable(std::span<Bucket> buckets, std::uint64_t seed)
      : buckets_(buckets), mask_(buckets.size() - 1), seed_(seed) {}
  /// Buckets for a table of flows of this size: a row for every fourth flow.
  [[nodiscard]] static constexpr std::size_t buckets_for(std::size_t flows_max) {
    return std::bit_ceil(std::max<std::size_t>(flows_max / 4 / ways, 2));
  }

  /// Counts of open connections from before do not count any more when `signature`
  /// (Snapshot::source_rules_signature) is another one than last time.
  void begin_epoch(std::uint64_t signature) {
    if (signature == signature_) return;
    signature_ = signature;
    epoch_ = epoch_ == epoch_max ? 1 : static_cast<std::uint8_t>(epoch_ + 1);
  }
  /// What a flow that is counted from now on is marked with; never 0.
  [[nodiscard]] std::uint8_t epoch() const { return epoch_; }

  /// Who a packet is from, for the functions below.
  [[nodiscard]] std::uint64_t tag_of(const SourceRules& rules, const Address& client) const;
  void prefetch(std::uint64_t tag) const {
    const Bucket& bucket = buckets_[tag & mask_];
    __builtin_prefetch(&bucket.rows[0]);
    __builtin_prefetch(&bucket.rows[2]);
  }

  /// The client's row, made where it has none; null when there is no room. `evicted` becomes true
  /// when another client's row gave way. Good until the next call.
  [[nodiscard]] Row* row_of(std::uint64_t tag, std::uint64_t now_ns, bool& evicted);
  /// The client's row, if it has one.
  [[nodiscard]] Row* find(std::uint64_t tag);
  [[nodiscard]] std::uint32_t connections_of(const Row& row) const {
    return row.epoch == epoch_ ? row.connections : 0;
  }
  [[nodiscard]] bool may_connect(const Row& row, const SourceRules& rules,
                                 std::uint64_t now_ns) const {
    return (rules.connections_max == 0 || connections_of(row) < rules.connections_max) &&
           (!rules.connections.is_limited() ||
            rules.connections.may_take(row.connections_full_at_ns, now_ns));
  }
  /// A connection has begun: it is one more of this client, until `disconnected`.
  void connected(Row& row, const SourceRules& rules, std::uint64_t now_ns);
  /// A connection that was marked with `epoch` has ended.
  void disconnected(std::uint64_t tag, std::uint8_t epoch);

  [[nodiscard]] std::size_t bucket_count() const { return buckets_.size(); }
  [[nodiscard]] std::size_t row_count() const { return buckets_.size() * ways; }
  /// Rows of this bucket that are needed still.
  [[nodiscard]] std::size_t used_in(std::size_t bucket, std::uint64_t now_ns) const;

 private:
  static constexpr std::uint8_t epoch_max = 127;  // seven bits in a flow's entry
  [[nodiscard]] static std::uint32_t milliseconds(std::uint64_t now_ns) {
    return static_cast<std::uint32_t>(now_ns / 1'000'000);
  }

  std::span<Bucket> buckets_;
  std::size_t mask_ = 0;
  std::uint64_t seed_ = 0;
  std::uint64_t signature_ = 0;
  std::uint8_t epoch_ = 1;
};

}  // namespace sluice
