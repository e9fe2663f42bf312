#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "core/result.h"

// What both loaders need of libbpf and the kernel.

namespace sluice::bpf {

/// An error whose reason is the kernel's: `error` is an errno, of either sign.
[[nodiscard]] std::unexpected<Error> failure(const std::string& what, int error, std::string where,
                                             std::string remedy);

/// From now on libbpf prints warnings, or nothing.
void let_libbpf_warn(bool warn);

/// One entry of a per-CPU array of 64-bit counters, over all CPUs; 0 when the map cannot be read.
[[nodiscard]] std::uint64_t sum_over_cpus(int map, std::uint32_t index);

}  // namespace sluice::bpf
