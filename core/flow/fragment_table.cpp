#include "core/flow/fragment_table.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "core/flow/five_tuple.h"

namespace sluice {

FragmentTable::FragmentTable(std::size_t buckets, std::uint64_t seed)
    : buckets_(buckets), seed_(seed) {
  assert(std::has_single_bit(buckets));
}

std::size_t FragmentTable::home(const FragmentKey& key) const {
  const std::uint64_t hash = hash_flow(key.source, key.destination, key.identification.raw(),
                                       Protocol{key.protocol}, seed_);
  return hash & (buckets_.size() - 1);
}

bool FragmentTable::remember(const FragmentKey& key, const FirstFragment& first,
                             std::uint64_t now_ns) {
  Bucket& bucket = buckets_[home(key)];
  const std::uint64_t ends_ns = now_ns + lifetime_ns;
  auto place = std::ranges::find_if(bucket, [&](const Entry& entry) { return entry.key == key; });
  if (place != bucket.end()) {
    *place = {key, first, ends_ns};
    return false;
  }
  place = std::ranges::min_element(bucket, {}, &Entry::ends_ns);  // unused and dead ones first
  const bool gave_way = place->ends_ns > now_ns;
  *place = {key, first, ends_ns};
  return gave_way;
}

const FirstFragment* FragmentTable::find(const FragmentKey& key, std::uint64_t now_ns) const {
  for (const Entry& entry : buckets_[home(key)])
    if (entry.ends_ns > now_ns && entry.key == key) return &entry.first;
  return nullptr;
}

std::size_t FragmentTable::used_in(std::size_t bucket, std::uint64_t now_ns) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      buckets_[bucket], [now_ns](const Entry& entry) { return entry.ends_ns > now_ns; }));
}

}  // namespace sluice
