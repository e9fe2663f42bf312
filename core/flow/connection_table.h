#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "core/flow/five_tuple.h"

namespace sluice {

/// A hash table of fixed size over memory that someone else owns (shared with readers in other
/// processes). One bucket is one cache line of 64 bytes, or two entries of a
/// line each; a key lives in one of two buckets, nearly
/// always the first, so a hit costs one cache miss, which `prefetch` can start early. Never
/// allocates. One thread writes; other processes may read and may see an entry half-written
/// (core/contract/shared_view.h copies and checks).
///
/// Entry: trivially copyable, sizeof divides 64 or is 64, all-zero bytes mean empty, with
///   Key, Key key() const, bool is_empty() const, bool has_key(const Key&) const,
///   static std::uint64_t hash(const Key&, std::uint64_t seed).
template <typename Entry>
class ConnectionTable {
 public:
  using Key = typename Entry::Key;
  static constexpr std::size_t ways = std::max<std::size_t>(64 / sizeof(Entry), 2);
  static_assert(64 % sizeof(Entry) == 0 && std::is_trivially_copyable_v<Entry>);

  struct alignas(64) Bucket {
    std::array<Entry, ways> entries;
  };

  ConnectionTable() = default;
  /// `buckets`: a power of two, zeroed for an empty table. `seed` keeps strangers from building
  /// collisions.
  ConnectionTable(std::span<Bucket> buckets, std::uint64_t seed)
      : buckets_(buckets), mask_(buckets.size() - 1), seed_(seed) {
    assert(std::has_single_bit(buckets.size()));
  }

  /// The load up to which fewer than one insertion in a thousand is refused: measured in
  /// tests/core/flow. Buckets of two fill less evenly than buckets of four.
  static constexpr std::size_t load_percent_max = ways >= 4 ? 80 : 50;
  /// Buckets for this many entries at no more than that load.
  [[nodiscard]] static constexpr std::size_t buckets_for(std::size_t entries) {
    const std::size_t places = (entries * 100 + load_percent_max - 1) / load_percent_max;
    return std::bit_ceil(std::max<std::size_t>((places + ways - 1) / ways, 2));
  }

  [[nodiscard]] std::uint64_t hash(const Key& key) const { return Entry::hash(key, seed_); }
  void prefetch(std::uint64_t hash) const {
    const Bucket& bucket = buckets_[primary(hash)];
    __builtin_prefetch(&bucket);
    if constexpr (sizeof(Bucket) > 64) __builtin_prefetch(&bucket.entries.back());
  }

  /// The key's entry, or null. The pointer is good until the next insert.
  [[nodiscard]] Entry* find(const Key& key, std::uint64_t hash) const {
    if (Entry* entry = find_in(primary(hash), key)) return entry;
    return find_in(alternate(hash), key);
  }

  /// An empty entry for a key that is not in the table, for the caller to fill at once; null when
  /// both its buckets are full, none of their entries can move to its other bucket, and none is
  /// `expendable`. An expendable entry that gives way is handed to `evict` first.
  template <typename Expendable, typename Evict>
  [[nodiscard]] Entry* insert(std::uint64_t hash, Expendable&& expendable, Evict&& evict) {
    const std::size_t homes[] = {primary(hash), alternate(hash)};
    for (const std::size_t home : homes)
      if (Entry* entry = free_entry(home)) return count(entry);
    for (const std::size_t home : homes)
      for (Entry& entry : buckets_[home].entries)
        if (expendable(std::as_const(entry))) {
          evict(entry);
          clear(entry);
          return count(&entry);
        }
    for (const std::size_t home : homes)
      if (Entry* entry = make_room(home)) return count(entry);
    return nullptr;
  }

  /// `entry` is not empty.
  void clear(Entry& entry) {
    entry = Entry{};
    --size_;
  }
  /// How many entries there are.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Visits the entries of `count` buckets from `cursor` on, round and round; returns the next
  /// cursor. For ageing in small steps: `visit` may clear what it is shown.
  template <typename Visit>
  std::size_t sweep(std::size_t cursor, std::size_t count, Visit&& visit) {
    for (std::size_t i = 0; i < count; ++i, ++cursor)
      for (Entry& entry : buckets_[cursor & mask_].entries)
        if (!entry.is_empty()) visit(entry);
    return cursor & mask_;
  }

  [[nodiscard]] std::size_t bucket_count() const { return buckets_.size(); }
  /// How many entries fit before insertions are refused now and then.
  [[nodiscard]] std::size_t capacity() const {
    return buckets_.size() * ways * load_percent_max / 100;
  }

 private:
  [[nodiscard]] std::size_t primary(std::uint64_t hash) const { return hash & mask_; }
  // Differs from the primary by an odd number, so never equal to it.
  [[nodiscard]] std::size_t alternate(std::uint64_t hash) const {
    return (hash ^ (hash >> 32 | 1)) & mask_;
  }
  [[nodiscard]] Entry* find_in(std::size_t bucket, const Key& key) const {
    for (Entry& entry : buckets_[bucket].entries)
      if (entry.has_key(key)) return &entry;
    return nullptr;
  }
  [[nodiscard]] Entry* free_entry(std::size_t bucket) const {
    for (Entry& entry : buckets_[bucket].entries)
      if (entry.is_empty()) return &entry;
    return nullptr;
  }
  Entry* count(Entry* entry) {
    ++size_;
    return entry;
  }
  // Moves one entry of a full bucket to that entry's other bucket (cuckoo hashing, one step).
  Entry* make_room(std::size_t bucket) {
    for (Entry& entry : buckets_[bucket].entries) {
      const std::uint64_t hash = Entry::hash(entry.key(), seed_);
      const std::size_t other = primary(hash) == bucket ? alternate(hash) : primary(hash);
      Entry* room = free_entry(other);
      if (room == nullptr) continue;
      *room = entry;
      entry = Entry{};
      return &entry;
    }
    return nullptr;
  }

  std::span<Bucket> buckets_;
  std::size_t mask_ = 0;
  std::uint64_t seed_ = 0;
  std::size_t size_ = 0;
};

}  // namespace sluice
