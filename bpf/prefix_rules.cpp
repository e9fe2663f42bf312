#include "bpf/prefix_rules.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

namespace sluice::bpf {
namespace {

using Listenings = std::vector<const Listening*>;
using Ranges = std::map<Protocol, std::vector<PortRange>>;

PrefixBytes bytes_of(const Prefix& prefix) {
  steer_prefix_key key{};
  key.prefix_bits = prefix.length_bits + (prefix.address.is_ipv4() ? 96U : 0U);
  std::memcpy(key.address, prefix.address.bytes().data(), sizeof key.address);
  return std::bit_cast<PrefixBytes>(key);
}

std::vector<PortRange> merged(std::vector<PortRange> ranges) {
  std::ranges::sort(ranges);
  std::vector<PortRange> out;
  for (const PortRange& range : ranges) {
    if (!out.empty() && range.first.value() <= out.back().last.value() + 1)
      out.back().last = std::max(out.back().last, range.last);
    else
      out.push_back(range);
  }
  return out;
}

PrefixRuleBytes rule_of(const Listenings& listenings) {
  steer_prefix rule{};
  Ranges ranges;
  for (const Listening* what : listenings) {
    if (what->protocol == Protocol::any)
      rule.any_protocol = 1;
    else
      ranges[what->protocol].push_back(what->ports);
  }
  std::size_t count = 0;
  for (auto& [protocol, list] : ranges) {
    list = merged(std::move(list));
    count += list.size();
  }
  if (count > STEER_RANGES_MAX)
    for (auto& [protocol, list] : ranges) list = {PortRange::any()};
  for (const auto& [protocol, list] : ranges)
    for (const PortRange& range : list)
      rule.range[rule.ranges++] = {.first = range.first.value(),
                                   .last = range.last.value(),
                                   .protocol = static_cast<std::uint8_t>(protocol),
                                   .zero = 0};
  return std::bit_cast<PrefixRuleBytes>(rule);
}

}  // namespace

std::map<PrefixBytes, PrefixRuleBytes> prefix_rules_of(const std::vector<Listening>& wide) {
  std::map<Prefix, Listenings> by_prefix;
  std::map<bool, std::set<std::uint8_t>> lengths;  // of IPv4 (true) and IPv6
  for (const Listening& what : wide) {
    const Prefix& prefix = what.vips.prefix;
    by_prefix[prefix].push_back(&what);
    lengths[prefix.address.is_ipv4()].insert(prefix.length_bits);
  }
  std::map<PrefixBytes, PrefixRuleBytes> out;
  for (const auto& [prefix, own] : by_prefix) {
    Listenings all = own;
    for (const std::uint8_t bits : lengths[prefix.address.is_ipv4()]) {
      if (bits >= prefix.length_bits) break;
      const auto around = by_prefix.find(Prefix::around(prefix.address, bits));
      if (around != by_prefix.end())
        all.insert(all.end(), around->second.begin(), around->second.end());
    }
    out[bytes_of(prefix)] = rule_of(all);
  }
  return out;
}

}  // namespace sluice::bpf
