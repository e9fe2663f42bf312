#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace sluice {

using SipHashKey = std::array<std::uint64_t, 2>;

/// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): who does not know
/// the key cannot tell the hash of a new input from a random number.
[[nodiscard]] std::uint64_t siphash(const SipHashKey& key, std::span<const std::uint8_t> input);

}  // namespace sluice
