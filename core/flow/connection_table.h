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

#include "core/flow/hash_words.h"

namespace sluice {

/// A hash table of fixed size over memory that someone else owns (shared with readers in other
/// processes). One bucket is one cache line of 64 bytes, or two entries of a
/// line each; a key lives in one of two buckets, nearly
/// always the first, so a hit costs one cache miss, which `prefetch` can start early. Never
/// allocates. One thread writes; other processes may read and may see an entry half-written
/// (core/contract/shared_view.h copies and checks).
///
/// Entry: trivially copyable, sizeof divides 64 or is 64, all-zero bytes mean empty, with
///   Key, Key key() const, bool is_empty() const, bool has_bits(const Key&) const, which is true
///   of an empty entry too when the key is all zero,
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
  /// `buckets`: at least two, zeroed for an empty table. `seed` keeps strangers from building
  /// collisions.
  ConnectionTable(std::span<Bucket> buckets, std::uint64_t seed) : buckets_(buckets), seed_(seed) {
    assert(buckets.size() >= 2);
  }

  /// The load that tables are made for. They would take half as much again; but the fuller they
  /// are, the more keys live in their second bucket, which is another cache miss: with 1 M flows of
  /// IPv4 a packet takes 49 ns at 60 % and 58 ns at 75 %.
  static constexpr std::size_t load_percent_max = 60;
  /// Buckets for this many entries at no more than that load.
  [[nodiscard]] static constexpr std::size_t buckets_for(std::size_t entries) {
    constexpr std::size_t percent = ways * load_percent_max;
    return std::max<std::size_t>((entries * 100 + percent - 1) / percent, 2);
  }

  [[nodiscard]] std::uint64_t hash(const Key& key) const { return Entry::hash(key, seed_); }
  void prefetch(std::uint64_t hash) const {
    const Bucket& bucket = buckets_[primary(hash)];
    __builtin_prefetch(&bucket);
    if constexpr (sizeof(Bucket) > 64) __builtin_prefetch(&bucket.entries.back());
  }

  void prefetch_alternate(std::uint64_t hash) const {
    __builtin_prefetch(&buckets_[alternate(hash)]);
  }

  /// The key's entry if it is where it was looked for first.
  [[nodiscard]] Entry* find_first(const Key& key, std::uint64_t hash) const {
    return find_in(primary(hash), key);
  }
  /// The key's entry, or null. The pointer is good until the next insert.
  [[nodiscard]] Entry* find(const Key& key, std::uint64_t hash) const {
    if (Entry* entry = find_in(primary(hash), key)) return entry;
    return find_in(alternate(hash), key);
  }

  /// An empty entry for a key that is not in the table, for the caller to fill at once; null when
  /// there is no room: both its buckets are full, none of their entries is `expendable`, and none
  /// can be moved out of the way. An expendable entry that gives way is handed to `evict` first.
  template <typename Expendable, typename Evict>
  [[nodiscard]] Entry* insert(std::uint64_t hash, Expendable&& expendable, Evict&& evict) {
    const std::size_t homes[] = {primary(hash), alternate(hash)};
    for (const std::size_t home : homes)
      if (Entry* entry = free_entry(home)) return count(entry);
    // Beyond the load that the table is made for, to look for room that is hardly ever there would
    // cost each packet of a flood a dozen cache misses.
    const bool is_full = size_ >= capacity();
    if (!is_full)
      if (Entry* entry = make_room(homes)) return count(entry);
    for (const std::size_t home : homes)
      for (Entry& entry : buckets_[home].entries)
        if (expendable(std::as_const(entry))) {
          evict(entry);
          clear(entry);
          return count(&entry);
        }
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
      for (Entry& entry : buckets_[cursor % buckets_.size()].entries)
        if (!entry.is_empty()) visit(entry);
    return cursor % buckets_.size();
  }

  [[nodiscard]] std::size_t bucket_count() const { return buckets_.size(); }
  /// How many entries fit before insertions are refused now and then.
  [[nodiscard]] std::size_t capacity() const {
    return buckets_.size() * ways * load_percent_max / 100;
  }

 private:
  // Buckets that are looked into for one that has room, at most.
  static constexpr std::size_t search_max = 32;

  // A number below the count of buckets, by the upper half of a product: no division (Lemire 2016,
  // "A fast alternative to the modulo reduction").
  [[nodiscard]] std::size_t bucket_of(std::uint64_t hash) const {
    return static_cast<std::size_t>((static_cast<detail::Uint128>(hash) * buckets_.size()) >> 64);
  }
  [[nodiscard]] std::size_t primary(std::uint64_t hash) const { return bucket_of(hash); }
  // Another one than the primary, for every key.
  [[nodiscard]] std::size_t alternate(std::uint64_t hash) const {
    const std::size_t other = bucket_of(std::rotl(hash, 32));
    if (other != primary(hash)) return other;
    return other + 1 == buckets_.size() ? 0 : other + 1;
  }
  [[nodiscard]] Entry* find_in(std::size_t bucket, const Key& key) const {
    // All of them compared and no jump between: which one has the key cannot be foretold.
    auto& entries = buckets_[bucket].entries;
    unsigned found = [&]<std::size_t... i>(std::index_sequence<i...>) {
      return ((static_cast<unsigned>(entries[i].has_bits(key)) << i) | ...);
    }(std::make_index_sequence<ways>());
    for (; found != 0; found &= found - 1) {
      Entry& entry = entries[static_cast<std::size_t>(std::countr_zero(found))];
      if (!entry.is_empty()) return &entry;
    }
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
  [[nodiscard]] std::size_t other_home(const Entry& entry, std::size_t bucket) const {
    const std::uint64_t hash = Entry::hash(entry.key(), seed_);
    return primary(hash) == bucket ? alternate(hash) : primary(hash);
  }
  // A bucket that a search has come to, by moving an entry of an earlier one.
  struct Step {
    std::size_t bucket = 0;
    std::uint8_t from = 0;  // the step it was reached from
    std::uint8_t way = 0;   // whose entry this is
  };
  // Moves entries of full buckets to their other buckets until one of the two homes has room
  // (cuckoo hashing, the shortest way found by a search in breadth).
  Entry* make_room(const std::size_t (&homes)[2]) {
    std::array<Step, search_max> steps{Step{homes[0]}, Step{homes[1]}};
    std::size_t known = 2;
    for (std::size_t at = 0; at < known; ++at) {
      const std::size_t bucket = steps[at].bucket;
      for (std::size_t way = 0; way < ways; ++way) {
        const std::size_t other = other_home(buckets_[bucket].entries[way], bucket);
        if (Entry* room = free_entry(other))
          return move_along(steps, at, buckets_[bucket].entries[way], room);
        if (known == search_max) continue;
        steps[known++] = {other, static_cast<std::uint8_t>(at), static_cast<std::uint8_t>(way)};
      }
    }
    return nullptr;
  }
  // The last entry of the way goes to `room`, each one before into the place that is free then.
  Entry* move_along(const std::array<Step, search_max>& steps, std::size_t at, Entry& last,
                    Entry* room) {
    Entry* from = &last;
    while (true) {
      *room = *from;
      *from = Entry{};
      if (at < 2) return from;
      const Step& step = steps[at];
      room = from;
      at = step.from;
      from = &buckets_[steps[at].bucket].entries[step.way];
    }
  }

  std::span<Bucket> buckets_;
  std::uint64_t seed_ = 0;
  std::size_t size_ = 0;
};

}  // namespace sluice
