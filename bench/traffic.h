#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/scene_config.h"
#include "core/flow/five_tuple.h"

namespace sluice::bench {

/// Numbers in an order without rhythm (SplitMix64; Steele, Lea, Flood 2014, public domain).
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed) {}
  [[nodiscard]] std::uint64_t next() { return mix64(state_ += 0x9e3779b97f4a7c15ULL); }
  /// 0 to `count` - 1; `count` below 2^32.
  [[nodiscard]] std::size_t below(std::size_t count) {
    return static_cast<std::size_t>((next() >> 32) * count >> 32);
  }

 private:
  std::uint64_t state_;
};

/// The flows of a scene by number, each another one: numbers are told apart by address and port
/// without a list that would take the place of the tables in the cache.
class Traffic {
 public:
  static constexpr unsigned number_bits = 40;

  explicit Traffic(const SceneOptions& options)
      : base_(*Address::parse(options.family == Family::ipv4 ? "64.0.0.0" : "2001:db8:f::")),
        protocol_(options.is_stateless ? Protocol::udp : Protocol::tcp) {
    for (std::size_t i = 0; i < options.services; ++i) vips_.push_back(vip_of(options.family, i));
  }

  /// A client's packet of the flow with this number, below 2^number_bits.
  [[nodiscard]] FiveTuple tuple(std::uint64_t number) const {
    const std::uint64_t mixed = mix(number);
    auto bytes = base_.bytes();
    for (std::size_t i = 0; i < 4; ++i)
      bytes[15 - i] = static_cast<std::uint8_t>(bytes[15 - i] | (mixed & 0x3ffffff) >> 8 * i);
    return {.source = Address::from_bytes(bytes),
            .destination = vips_[number % vips_.size()],
            .source_port = Port(static_cast<std::uint16_t>(1'024 + (mixed >> 26))),
            .destination_port = Port(80),
            .protocol = protocol_};
  }

 private:
  // Each step can be undone, so no two numbers become the same one.
  [[nodiscard]] static std::uint64_t mix(std::uint64_t number) {
    constexpr std::uint64_t mask = (std::uint64_t{1} << number_bits) - 1;
    number = number * 0x9e3779b97f4a7c15ULL & mask;
    number ^= number >> 20;
    number = number * 0xc4ceb9fe1a85ec53ULL & mask;
    return number ^ number >> 20;
  }

  Address base_;
  Protocol protocol_;
  std::vector<Address> vips_;
};

}  // namespace sluice::bench
