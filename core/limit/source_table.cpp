#include "core/limit/source_table.h"

#include <algorithm>

#include "core/flow/entry.h"

namespace sluice {
namespace {

std::uint64_t top_bits(unsigned count) {
  return count == 0 ? 0 : ~std::uint64_t{0} << (64 - count);
}

}  // namespace

std::uint64_t SourceTable::tag_of(const SourceRules& rules, const Address& client) const {
  std::uint64_t high = __builtin_bswap64(client.raw_high());
  std::uint64_t low = __builtin_bswap64(client.raw_low());
  if (!client.is_ipv4()) {
    const unsigned bits = std::min<unsigned>(rules.netmask6, 128);
    high &= top_bits(std::min(bits, 64U));
    low &= top_bits(bits > 64 ? bits - 64 : 0);
  }
  const std::uint64_t tag = detail::hash_words(high, low, rules.key, seed_);
  return tag == 0 ? 1 : tag;
}

SourceTable::Row* SourceTable::find(std::uint64_t tag) {
  for (Row& row : buckets_[tag & mask_].rows)
    if (row.tag == tag) return &row;
  return nullptr;
}

SourceTable::Row* SourceTable::row_of(std::uint64_t tag, std::uint64_t now_ns, bool& evicted) {
  const std::uint32_t now = milliseconds(now_ns);
  if (Row* known = find(tag)) {
    known->seen = now;
    return known;
  }
  Row* loser = nullptr;
  for (Row& row : buckets_[tag & mask_].rows) {
    if (row.tag == 0) {
      loser = &row;
      break;
    }
    const bool is_older = loser == nullptr || now - row.seen > now - loser->seen;
    if (connections_of(row) == 0 && is_older) loser = &row;
  }
  if (loser == nullptr) return nullptr;
  evicted = loser->tag != 0;
  *loser = {};
  loser->tag = tag;
  loser->seen = now;
  return loser;
}

void SourceTable::connected(Row& row, const SourceRules& rules, std::uint64_t now_ns) {
  constexpr std::uint32_t connections_max = (1U << 24) - 1;
  if (rules.connections.is_limited()) rules.connections.take(row.connections_full_at_ns, now_ns);
  const std::uint32_t connections = std::min(connections_of(row) + 1, connections_max);
  row.connections = connections & connections_max;
  row.epoch = epoch_;
}

void SourceTable::disconnected(std::uint64_t tag, std::uint8_t epoch) {
  if (epoch != epoch_) return;
  Row* row = find(tag);
  if (row == nullptr || connections_of(*row) == 0) return;
  row->connections = (row->connections - 1U) & ((1U << 24) - 1);
}

std::size_t SourceTable::used_in(std::size_t bucket, std::uint64_t now_ns) const {
  std::size_t out = 0;
  for (const Row& row : buckets_[bucket & mask_].rows) {
    const std::uint32_t idle_ms = milliseconds(now_ns) - row.seen;
    if (row.tag != 0 && (connections_of(row) > 0 || idle_ms < idle_ns / 1'000'000)) ++out;
  }
  return out;
}

}  // namespace sluice
