#pragma once

#include <cstdint>
#include <span>

#include "core/net/address.h"
#include "core/net/prefix.h"

namespace sluice::pktgen {

/// Who talks to whom in a flow.
struct FlowEnds {
  std::uint32_t target = 0;         // its number among the targets
  std::uint64_t source_number = 0;  // of the sources' block, the lowest bits of the address
  Port source_port;
};

/// Numbers the flows between a block of source addresses and the targets. Neighbouring numbers
/// differ in target first, then in source address, then in port, so that a few flows use all of
/// the targets and many addresses, as real clients do.
class FlowSpace {
 public:
  static constexpr std::uint16_t port_first = 1'024;  // no privileged source port
  static constexpr std::uint64_t ports = 65'536 - port_first;
  static constexpr int source_bits_max = 20;

  FlowSpace(const Prefix& sources, std::span<const Endpoint> targets)
      : targets_(static_cast<std::uint32_t>(targets.size())), source_bits_(free_bits(sources)) {}

  /// How many flows there are.
  [[nodiscard]] std::uint64_t capacity() const { return (targets_ * ports) << source_bits_; }

  /// `flow`: less than the capacity.
  [[nodiscard]] FlowEnds ends(std::uint64_t flow) const {
    FlowEnds out;
    if (targets_ > 1) {
      out.target = static_cast<std::uint32_t>(flow % targets_);
      flow /= targets_;
    }
    out.source_number = flow & ((std::uint64_t{1} << source_bits_) - 1);
    out.source_port = Port(static_cast<std::uint16_t>(port_first + (flow >> source_bits_)));
    return out;
  }

 private:
  [[nodiscard]] static int free_bits(const Prefix& sources) {
    const int all = sources.address.is_ipv4() ? 32 : 128;
    const int free = all - sources.length_bits;
    return free < source_bits_max ? free : source_bits_max;
  }

  std::uint32_t targets_;
  int source_bits_;
};

}  // namespace sluice::pktgen
