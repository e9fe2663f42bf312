#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/net/address.h"
#include "core/net/prefix.h"

namespace sluice {

namespace detail {

/// Numbers of one width cut into intervals of alternating answers. The intervals' first numbers are
/// kept in order; the tree finds the few of them near a key: a root of 2^16 or 2^8 entries, below
/// it nodes of 2^8 that skip the bits all their intervals share, until at most `run_max` are left
/// to be compared. One or two cache misses for most keys.
template <typename Key>
class IntervalTree {
 public:
  /// `starts`: ascending, none zero; the answer turns at each. `first`: the one below them all.
  IntervalTree(std::vector<Key> starts, bool first);

  [[nodiscard]] bool find(Key key) const {
    std::uint32_t entry = root_[static_cast<std::size_t>(key >> root_shift_)];
    while ((entry & node_bit) != 0) {
      const Node& node = nodes_[entry & ~node_bit];
      if ((key ^ node.base) >> node.shift >> stride_bits != 0)
        return answer(key < node.base ? node.offset : node.offset + node.count);
      entry = node.entries[static_cast<std::size_t>(key >> node.shift) % stride];
    }
    const std::uint32_t offset = entry >> run_bits;
    std::uint32_t passed = offset;
    for (std::uint32_t i = 0; i < entry % (1U << run_bits); ++i)
      passed += starts_[offset + i] <= key ? 1 : 0;
    return answer(passed);
  }
  [[nodiscard]] std::size_t memory_bytes() const {
    return starts_.size() * sizeof(Key) + root_.size() * sizeof(std::uint32_t) +
           nodes_.size() * sizeof(Node);
  }

 private:
  static constexpr unsigned key_bits = sizeof(Key) * 8;
  static constexpr unsigned stride_bits = 8;
  static constexpr std::size_t stride = std::size_t{1} << stride_bits;
  static constexpr std::uint32_t run_max = 8;
  static constexpr unsigned run_bits = 4;
  // An entry is a node's number under this bit, or a run of starts: offset above, count below.
  static constexpr std::uint32_t node_bit = 1U << 31;

  struct Node {
    Key base = 0;  // what all keys inside have in common, the rest zero
    std::uint32_t shift = 0;
    std::uint32_t offset = 0;  // the starts below this node
    std::uint32_t count = 0;   // the starts in it
    std::array<std::uint32_t, stride> entries{};
  };

  [[nodiscard]] bool answer(std::uint32_t passed) const { return ((passed & 1) != 0) != first_; }
  [[nodiscard]] std::uint32_t entry_for(Key slot, std::uint32_t offset, std::uint32_t end);
  [[nodiscard]] std::uint32_t add_node(std::uint32_t offset, std::uint32_t end);
  template <typename Put>
  void fill(Key base, unsigned shift, std::size_t slots, std::uint32_t offset, Put&& put);

  std::vector<Key> starts_;
  std::vector<std::uint32_t> root_;
  std::vector<Node> nodes_;
  unsigned root_shift_ = 0;
  bool first_ = false;
};

__extension__ using Key128 = unsigned __int128;  // g++ and clang both have it on x86-64

}  // namespace detail

/// Says for any address what the most specific of many prefixes says, true or false. Built off the
/// packet path, then never changed. Memory: 8 bytes a prefix of IPv4, 32 of IPv6, and an index of
/// some kilobytes for few prefixes, of half a megabyte and more for thousands.
class PrefixTable {
 public:
  struct Rule {
    Prefix prefix;
    bool answer = false;
  };

  /// `otherwise`: the answer for addresses that no rule covers. Of two rules with one prefix, the
  /// one that answers false counts.
  PrefixTable(std::span<const Rule> rules, bool otherwise);

  [[nodiscard]] bool find(const Address& address) const {
    if (address.is_ipv4()) return ipv4_.find(address.ipv4().host());
    return ipv6_.find(key_of(address));
  }
  [[nodiscard]] std::size_t memory_bytes() const {
    return ipv4_.memory_bytes() + ipv6_.memory_bytes();
  }

 private:
  [[nodiscard]] static detail::Key128 key_of(const Address& address) {
    return static_cast<detail::Key128>(__builtin_bswap64(address.raw_high())) << 64 |
           __builtin_bswap64(address.raw_low());
  }

  detail::IntervalTree<std::uint32_t> ipv4_;
  detail::IntervalTree<detail::Key128> ipv6_;
};

}  // namespace sluice
