#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/net/address.h"
#include "core/net/byte_order.h"

namespace sluice {

/// Which datagram a fragment is of (RFC 791 section 3.2, RFC 8200 section 4.5).
struct FragmentKey {
  Address source;
  Address destination;
  Be32 identification;        // IPv4: 16 bits
  std::uint8_t protocol = 0;  // IPv4: a part of the key; IPv6: the same for all
  friend bool operator==(const FragmentKey&, const FragmentKey&) = default;
};

/// What only the first fragment of a datagram says, and decides where all of them go.
struct FirstFragment {
  Be16 source_port;
  Be16 destination_port;
  std::uint8_t protocol = 0;  // TCP, UDP or SCTP
  std::uint8_t tcp_flags = 0;
  friend bool operator==(const FirstFragment&, const FirstFragment&) = default;
};

/// The first fragments of the last seconds, in memory of fixed size: nothing is allocated after the
/// construction. A key lives in one bucket; in a full one the oldest entry gives way. Time is an
/// argument: nanoseconds of any clock that does not run backwards. For one thread.
class FragmentTable {
 public:
  static constexpr std::size_t ways = 4;
  /// The rest of a datagram follows within milliseconds; an identification comes again in seconds
  /// (RFC 6864 section 5.2).
  static constexpr std::uint64_t lifetime_ns = 5'000'000'000;

  /// `buckets`: a power of two. `seed` keeps strangers from filling one bucket.
  FragmentTable(std::size_t buckets, std::uint64_t seed);

  /// Remembers a first fragment, instead of the one with the same key if there was one. True when
  /// another datagram's entry had to give way before its time.
  bool remember(const FragmentKey& key, const FirstFragment& first, std::uint64_t now_ns);
  /// The first fragment of this datagram; null when it is not known or too old. The pointer is good
  /// until the next `remember`.
  [[nodiscard]] const FirstFragment* find(const FragmentKey& key, std::uint64_t now_ns) const;
  /// Entries of this bucket that are alive.
  [[nodiscard]] std::size_t used_in(std::size_t bucket, std::uint64_t now_ns) const;

 private:
  struct Entry {
    FragmentKey key;
    FirstFragment first;
    std::uint64_t ends_ns = 0;  // dead from then on; 0: never used
  };
  static_assert(sizeof(Entry) <= 64);
  using Bucket = std::array<Entry, ways>;
  [[nodiscard]] std::size_t home(const FragmentKey& key) const;

  std::vector<Bucket> buckets_;
  std::uint64_t seed_;
};

}  // namespace sluice
