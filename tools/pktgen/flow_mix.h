#pragma once

#include <cstdint>

#include "tools/pktgen/quantity.h"

namespace sluice::pktgen {

/// Which packets of a sender begin a flow never seen before, and which belong to the standing set:
/// evenly mixed, and computed from the sequence number alone, so that the receiver knows it too.
class FlowMix {
 public:
  explicit constexpr FlowMix(std::uint32_t new_flows_ppm) : ppm_(new_flows_ppm) {}

  struct Position {
    bool is_new = false;
    std::uint64_t number = 0;  // among the packets of its kind, from 0
  };
  /// `sequence`: less than 2^44.
  [[nodiscard]] constexpr Position at(std::uint64_t sequence) const {
    const std::uint64_t before = new_before(sequence);
    if (new_before(sequence + 1) != before) return {true, before};
    return {false, sequence - before};
  }
  /// How many of the packets before this one begin a flow.
  [[nodiscard]] constexpr std::uint64_t new_before(std::uint64_t sequence) const {
    return sequence * ppm_ / ppm_of_all;
  }

 private:
  std::uint32_t ppm_;
};

}  // namespace sluice::pktgen
