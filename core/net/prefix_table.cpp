#include "core/net/prefix_table.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace sluice {
namespace {

// A prefix as numbers, both ends included.
template <typename Key>
struct Block {
  Key first = 0;
  Key last = 0;
  bool answer = false;
};

template <typename Key>
Key ones(unsigned bits) {
  constexpr unsigned all_bits = sizeof(Key) * 8;
  return bits == 0 ? Key{0} : static_cast<Key>(static_cast<Key>(~Key{0}) >> (all_bits - bits));
}

// Walks the blocks from left to right with those that are open on a stack, the innermost on top.
template <typename Key>
class Sweep {
 public:
  explicit Sweep(bool otherwise) : first_(otherwise), otherwise_(otherwise) {}

  void open(const Block<Key>& block) {
    close_before(block.first);
    turn(block.first, block.answer);
    open_.push_back(block);
  }
  detail::IntervalTree<Key> finish() {
    while (!open_.empty()) close_innermost();
    // Where nothing changes after all is no start.
    std::vector<Key> starts;
    bool answer = first_;
    for (const auto& [at, next] : turns_)
      if (next != std::exchange(answer, next)) starts.push_back(at);
    return detail::IntervalTree<Key>(std::move(starts), first_);
  }

 private:
  void close_before(Key at) {
    while (!open_.empty() && open_.back().last < at) close_innermost();
  }
  void close_innermost() {
    const Key last = open_.back().last;
    open_.pop_back();
    if (last != ones<Key>(sizeof(Key) * 8))
      turn(static_cast<Key>(last + 1), open_.empty() ? otherwise_ : open_.back().answer);
  }
  void turn(Key at, bool answer) {
    if (at == 0) {
      first_ = answer;
    } else if (!turns_.empty() && turns_.back().first == at) {
      turns_.back().second = answer;
    } else {
      turns_.emplace_back(at, answer);
    }
  }

  std::vector<Block<Key>> open_;
  std::vector<std::pair<Key, bool>> turns_;
  bool first_;
  bool otherwise_;
};

template <typename Key>
detail::IntervalTree<Key> make_tree(std::vector<Block<Key>> blocks, bool otherwise) {
  // Outer ones first; of two equal ones the one that says false is inside.
  std::ranges::sort(blocks, [](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    if (a.last != b.last) return a.last > b.last;
    return a.answer && !b.answer;
  });
  Sweep<Key> sweep(otherwise);
  for (const auto& block : blocks) sweep.open(block);
  return sweep.finish();
}

template <typename Key>
Block<Key> block_of(Key first, const Prefix& prefix, bool answer) {
  const auto free_bits = static_cast<unsigned>(sizeof(Key) * 8 - prefix.length_bits);
  return {first, static_cast<Key>(first | ones<Key>(free_bits)), answer};
}

std::vector<Block<std::uint32_t>> ipv4_blocks(std::span<const PrefixTable::Rule> rules) {
  std::vector<Block<std::uint32_t>> out;
  for (const auto& [prefix, answer] : rules)
    if (prefix.address.is_ipv4())
      out.push_back(block_of(prefix.address.ipv4().host(), prefix, answer));
  return out;
}

detail::Key128 ipv6_number(const Address& address) {
  detail::Key128 out = 0;
  for (const std::uint8_t byte : address.bytes()) out = out << 8 | byte;
  return out;
}

std::vector<Block<detail::Key128>> ipv6_blocks(std::span<const PrefixTable::Rule> rules) {
  std::vector<Block<detail::Key128>> out;
  for (const auto& [prefix, answer] : rules)
    if (!prefix.address.is_ipv4())
      out.push_back(block_of(ipv6_number(prefix.address), prefix, answer));
  return out;
}

template <typename Key>
unsigned top_bit(Key value) {
  unsigned out = 0;
  while (value >>= 1) ++out;
  return out;
}

}  // namespace

namespace detail {

template <typename Key>
IntervalTree<Key>::IntervalTree(std::vector<Key> starts, bool first)
    : starts_(std::move(starts)), first_(first) {
  constexpr std::size_t starts_for_large_root = 512;
  const unsigned root_bits = starts_.size() >= starts_for_large_root ? 16 : 8;
  root_shift_ = key_bits - root_bits;
  root_.resize(std::size_t{1} << root_bits);
  fill(0, root_shift_, root_.size(), 0,
       [this](std::size_t slot, std::uint32_t entry) { root_[slot] = entry; });
}

template <typename Key>
template <typename Put>
void IntervalTree<Key>::fill(Key base, unsigned shift, std::size_t slots, std::uint32_t offset,
                             Put&& put) {
  for (std::size_t slot = 0; slot < slots; ++slot) {
    const Key low = static_cast<Key>(base | static_cast<Key>(slot) << shift);
    const Key high = static_cast<Key>(low | ones<Key>(shift));
    std::uint32_t end = offset;
    while (end < starts_.size() && starts_[end] <= high) ++end;
    put(slot, entry_for(low, offset, end));
    offset = end;
  }
}

template <typename Key>
std::uint32_t IntervalTree<Key>::entry_for(Key slot, std::uint32_t offset, std::uint32_t end) {
  // A start that every key of the slot has passed need not be compared.
  if (offset < end && starts_[offset] == slot) ++offset;
  if (end - offset > run_max) return node_bit | add_node(offset, end);
  return offset << run_bits | (end - offset);
}

template <typename Key>
std::uint32_t IntervalTree<Key>::add_node(std::uint32_t offset, std::uint32_t end) {
  const auto number = static_cast<std::uint32_t>(nodes_.size());
  const unsigned top = top_bit(static_cast<Key>(starts_[offset] ^ starts_[end - 1]));
  const unsigned shift = top < stride_bits ? 0 : top - (stride_bits - 1);
  const Key base = static_cast<Key>(starts_[offset] & ~ones<Key>(shift + stride_bits));
  nodes_.push_back(
      {.base = base, .shift = shift, .offset = offset, .count = end - offset, .entries = {}});
  fill(base, shift, stride, offset, [this, number](std::size_t slot, std::uint32_t entry) {
    nodes_[number].entries[slot] = entry;
  });
  return number;
}

template class IntervalTree<std::uint32_t>;
template class IntervalTree<Key128>;

}  // namespace detail

PrefixTable::PrefixTable(std::span<const Rule> rules, bool otherwise)
    : ipv4_(make_tree(ipv4_blocks(rules), otherwise)),
      ipv6_(make_tree(ipv6_blocks(rules), otherwise)) {}

}  // namespace sluice
