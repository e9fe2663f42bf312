#include "core/config/wide_listeners.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <set>

#include "core/flow/five_tuple.h"

namespace sluice {
namespace {

std::uint8_t bits_of(const Prefix& prefix) {
  return static_cast<std::uint8_t>(prefix.length_bits + (prefix.address.is_ipv4() ? 96 : 0));
}

std::size_t hash_of(std::uint64_t high, std::uint64_t low, std::uint8_t bits) {
  return static_cast<std::size_t>(mix64(mix64(high ^ bits) ^ low));
}

Port next_to(Port port) { return Port(static_cast<std::uint16_t>(port.value() + 1)); }
Port before(Port port) { return Port(static_cast<std::uint16_t>(port.value() - 1)); }

// Ranges that lie inside each other or apart, cut up so that each port is in the narrowest one
// only. `out` takes a range and the index of the claim that has it.
template <typename Out>
void flatten(const std::vector<PortRange>& ranges, Out&& out) {
  std::vector<std::size_t> order(ranges.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return std::pair(ranges[a].first, ranges[b].last) < std::pair(ranges[b].first, ranges[a].last);
  });
  std::vector<std::size_t> open;  // those that the current port is inside, the widest first
  Port next;                      // the first port that is not given away yet
  bool is_over = false;           // the last port was
  const auto close = [&] {
    const PortRange& range = ranges[open.back()];
    if (!is_over && next <= range.last) {
      out(PortRange(next, range.last), open.back());
      is_over = range.last == PortRange::any().last;
      next = next_to(range.last);
    }
    open.pop_back();
  };
  for (const std::size_t i : order) {
    while (!open.empty() && ranges[open.back()].last < ranges[i].first) close();
    if (!open.empty() && next < ranges[i].first)
      out(PortRange(next, before(ranges[i].first)), open.back());
    next = ranges[i].first;
    open.push_back(i);
  }
  while (!open.empty()) close();
}

}  // namespace

WideListeners::WideListeners(const std::vector<Claim>& claims) {
  using Group = std::map<Protocol, std::vector<const Claim*>>;
  std::map<Prefix, Group> groups;
  std::set<std::uint8_t> lengths;
  for (const Claim& claim : claims) {
    groups[claim.what.vips.prefix][claim.what.protocol].push_back(&claim);
    lengths.insert(bits_of(claim.what.vips.prefix));
  }
  for (auto bits = lengths.rbegin(); bits != lengths.rend(); ++bits) {
    std::array<std::uint8_t, 16> mask{};
    for (unsigned bit = 0; bit < *bits; ++bit)
      mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | 0x80 >> bit % 8);
    const Address halves = Address::from_bytes(mask);
    lengths_.push_back({*bits, {halves.raw_high(), halves.raw_low()}});
  }
  blocks_.resize(std::bit_ceil(2 * groups.size() + 1));
  for (const auto& [prefix, group] : groups) {
    Block block{.high = prefix.address.raw_high(),
                .low = prefix.address.raw_low(),
                .begin = static_cast<std::uint32_t>(spans_.size()),
                .length_bits = bits_of(prefix)};
    for (const auto& [protocol, members] : group) {
      std::vector<PortRange> ranges;
      for (const Claim* claim : members) ranges.push_back(claim->what.ports);
      flatten(ranges, [&, of = protocol, &list = members](PortRange ports, std::size_t i) {
        spans_.push_back({ports, of, list[i]->id});
      });
    }
    block.end = static_cast<std::uint32_t>(spans_.size());
    insert(block);
  }
}

void WideListeners::insert(const Block& block) {
  std::size_t i = hash_of(block.high, block.low, block.length_bits);
  while (blocks_[i & (blocks_.size() - 1)].end != 0) ++i;
  blocks_[i & (blocks_.size() - 1)] = block;
}

const WideListeners::Block* WideListeners::block_of(const Address& address,
                                                    const Length& length) const {
  const std::uint64_t high = address.raw_high() & length.mask.high;
  const std::uint64_t low = address.raw_low() & length.mask.low;
  for (std::size_t i = hash_of(high, low, length.bits);; ++i) {
    const Block& block = blocks_[i & (blocks_.size() - 1)];
    if (block.end == 0) return nullptr;
    if (block.low == low && block.high == high && block.length_bits == length.bits) return &block;
  }
}

const WideListeners::Span* WideListeners::span_of(const Block& block, Port port,
                                                  Protocol protocol) const {
  const auto begin = spans_.begin() + block.begin;
  const auto end = spans_.begin() + block.end;
  const auto after = std::upper_bound(begin, end, std::pair(protocol, port),
                                      [](const auto& key, const Span& span) {
                                        return key < std::pair(span.protocol, span.ports.first);
                                      });
  if (after == begin) return nullptr;
  const Span& span = *(after - 1);
  return span.protocol == protocol && span.ports.contains(port) ? &span : nullptr;
}

std::optional<std::uint16_t> WideListeners::find(const Address& vip, Port port,
                                                 Protocol protocol) const {
  for (const Length& length : lengths_) {
    const Block* block = block_of(vip, length);
    if (block == nullptr) continue;
    const Span* span = span_of(*block, port, protocol);
    if (span == nullptr) span = span_of(*block, port, Protocol::any);
    if (span != nullptr) return span->id;
  }
  return std::nullopt;
}

bool WideListeners::covers(const Address& address) const {
  for (const Length& length : lengths_)
    if (block_of(address, length) != nullptr) return true;
  return false;
}

}  // namespace sluice
