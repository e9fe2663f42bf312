#pragma once

#include <cstdint>
#include <string>

#include "core/net/address.h"

namespace sluice {

struct FiveTuple {
  Address source;
  Address destination;
  Port source_port;
  Port destination_port;
  Protocol protocol = Protocol::tcp;
  /// "tcp 192.0.2.1:1234 -> 203.0.113.10:80", "gre 192.0.2.1 -> 203.0.113.10"
  [[nodiscard]] std::string text() const;
  /// One end of it: "192.0.2.1:1234", or without port where the protocol has none.
  [[nodiscard]] std::string source_text() const;
  [[nodiscard]] std::string destination_text() const;
  friend constexpr bool operator==(const FiveTuple&, const FiveTuple&) = default;
};

/// The hash that picks a flow's slot: the same on every balancer with the same seed and in BPF, so
/// only 64-bit multiplications, shifts and xors (MurmurHash3's 64-bit finaliser over each word,
/// Appleby 2011, public domain). Addresses and ports are taken in network order. Quality is tested
/// in tests/core/flow.
[[nodiscard]] inline std::uint64_t mix64(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  return value ^ value >> 33;
}

/// `ports_raw`: source port in the low half, destination port in the high half, both as loaded from
/// the wire.
[[nodiscard]] inline std::uint64_t hash_flow(const Address& source, const Address& destination,
                                             std::uint32_t ports_raw, Protocol protocol,
                                             std::uint64_t seed) {
  std::uint64_t hash =
      seed ^ (static_cast<std::uint64_t>(ports_raw) << 8 | static_cast<std::uint64_t>(protocol));
  if (source.is_ipv4()) {
    const std::uint64_t pair =
        static_cast<std::uint64_t>(source.ipv4().raw()) << 32 | destination.ipv4().raw();
    return mix64(mix64(hash) ^ pair);
  }
  hash = mix64(hash) ^ source.raw_high();
  hash = mix64(hash) ^ source.raw_low();
  hash = mix64(hash) ^ destination.raw_high();
  hash = mix64(hash) ^ destination.raw_low();
  return mix64(hash);
}

[[nodiscard]] inline std::uint64_t hash_flow(const FiveTuple& tuple, std::uint64_t seed) {
  const auto ports = static_cast<std::uint32_t>(tuple.source_port.be().raw()) |
                     static_cast<std::uint32_t>(tuple.destination_port.be().raw()) << 16;
  return hash_flow(tuple.source, tuple.destination, ports, tuple.protocol, seed);
}

}  // namespace sluice
