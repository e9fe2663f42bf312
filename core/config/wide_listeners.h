#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/config/listening.h"

namespace sluice {

/// The look-up from destination to wide listener, built off the packet path: for packets that no
/// listener on exactly one address, port and protocol takes. The most specific one wins: a longer
/// prefix before a shorter one, then a given protocol before any, then the narrower range of ports.
/// One probe of a hash table for each prefix length in use.
class WideListeners {
 public:
  struct Claim {
    Listening what;
    std::uint16_t id = 0;
  };

  WideListeners() = default;
  /// No two claims are the same, and port ranges of one prefix and protocol lie inside each other
  /// or apart: validate sees to both.
  explicit WideListeners(const std::vector<Claim>& claims);

  [[nodiscard]] bool empty() const { return lengths_.empty(); }
  /// The listener of a packet. With Protocol::any, of one whose ports are not known or that has
  /// none: then only listeners for any protocol take it.
  [[nodiscard]] std::optional<std::uint16_t> find(const Address& vip, Port port,
                                                  Protocol protocol) const;
  /// Whether an address is a VIP of any of them.
  [[nodiscard]] bool covers(const Address& address) const;

 private:
  // Which halves of an address count, as this machine loads them.
  struct Mask {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
  };
  struct Block {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::uint32_t begin = 0;  // of its spans
    std::uint32_t end = 0;    // 0: no block
    std::uint8_t length_bits = 0;
  };
  // Ports of one protocol that belong to one listener; those of a block do not overlap.
  struct Span {
    PortRange ports;
    Protocol protocol = Protocol::tcp;
    std::uint16_t id = 0;
  };
  struct Length {
    std::uint8_t bits = 0;  // of the sixteen-byte form
    Mask mask;
  };

  [[nodiscard]] const Block* block_of(const Address& address, const Length& length) const;
  [[nodiscard]] const Span* span_of(const Block& block, Port port, Protocol protocol) const;
  void insert(const Block& block);

  std::vector<Length> lengths_;  // the longest first
  std::vector<Block> blocks_;    // open addressing, at most half full
  std::vector<Span> spans_;      // of each block, by protocol and port
};

}  // namespace sluice
