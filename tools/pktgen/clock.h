#pragma once

#include <cstdint>

namespace sluice::pktgen {

/// Nanoseconds since 1970 by the time-stamp counter, without a system call. Set by the system's
/// clock once, then never corrected: it is even, and never goes back. Needs a started Environment.
class Clock {
 public:
  Clock();
  [[nodiscard]] std::uint64_t now_ns() const;

 private:
  std::uint64_t began_ns_;
  std::uint64_t began_cycles_;
  std::uint64_t ns_per_cycle_;  // times 2^32
};

}  // namespace sluice::pktgen
