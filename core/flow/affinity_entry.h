#pragma once

#include <cstdint>

#include "core/flow/entry.h"
#include "core/flow/source_hash.h"

namespace sluice {

/// Which backend a client of a service is on: 32 bytes, two to a cache line. Part of the
/// shared-memory layout, all zero when empty.
struct AffinityEntry {
  struct Key {
    MaskedSource source;
    std::uint32_t service = 0;  // Choosing::service_hash
    friend bool operator==(const Key&, const Key&) = default;
  };
  Key bits;
  std::uint32_t target = 0;           // Target's
  FlowTick last_seen = 0;             // the client's last new flow
  std::uint16_t timeout_seconds = 0;  // 0: empty

  [[nodiscard]] Key key() const { return bits; }
  [[nodiscard]] bool is_empty() const { return timeout_seconds == 0; }
  [[nodiscard]] bool has_bits(const Key& key) const { return bits == key; }
  [[nodiscard]] bool is_expired(FlowTick now) const {
    return static_cast<FlowTick>(now - last_seen) > timeout_seconds;
  }
  [[nodiscard]] static std::uint64_t hash(const Key& key, std::uint64_t seed) {
    return detail::hash_words(key.source.raw_high, key.source.raw_low, key.service, seed);
  }
};
static_assert(sizeof(AffinityEntry) == 32);

}  // namespace sluice
