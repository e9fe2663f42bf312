#pragma once

#include <cstdint>

namespace sluice::dataplane {

/// Nanoseconds of a monotonic clock since an arbitrary start, without a system call (the time-stamp
/// counter). Needs a started Eal.
[[nodiscard]] std::uint64_t clock_ns();

}  // namespace sluice::dataplane
