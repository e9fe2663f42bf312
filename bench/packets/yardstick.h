#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <vector>

#include "bench/packets/cycles.h"
#include "bench/traffic.h"
#include "core/result.h"

namespace sluice::bench {

/// What everybody can measure who has DPDK: bulk look-ups in its hash table (rte_hash) of a million
/// keys of 16 bytes, all of them there, in random order.
class HashYardstick {
 public:
  static constexpr std::size_t keys_per_burst = 64;  // the most that one call takes
  [[nodiscard]] static std::expected<HashYardstick, Error> create();
  HashYardstick(HashYardstick&& other) noexcept;
  HashYardstick& operator=(HashYardstick&&) = delete;
  ~HashYardstick();

  /// Where the keys are that are looked up: a packet's key is in the cache since the packet was
  /// parsed; those of a list of all keys come from memory.
  enum class Keys : std::uint8_t { in_cache, in_list };
  /// Ticks of one call for `keys_per_burst` keys, which are drawn outside of that time.
  [[nodiscard]] std::uint64_t look_up(Watch& watch, Keys from);
  /// Keys that were not found so far; none, or the figures mean nothing.
  [[nodiscard]] std::uint64_t misses() const { return misses_; }

 private:
  struct Key {
    std::array<std::uint64_t, 2> words;
  };
  static_assert(sizeof(Key) == 16);
  [[nodiscard]] static Key key_of(std::uint64_t number);
  explicit HashYardstick(void* table) : table_(table) {}

  void* table_;  // an rte_hash
  Numbers numbers_{2};
  std::uint64_t misses_ = 0;
  std::vector<Key> list_;
  std::array<Key, keys_per_burst> keys_{};
};

}  // namespace sluice::bench
