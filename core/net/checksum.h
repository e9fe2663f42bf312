#pragma once

#include <cstdint>
#include <span>

#include "core/net/address.h"
#include "core/net/byte_order.h"

// The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Sums are kept in this
// machine's byte order of the 16-bit words as loaded: one's complement addition does not mind (RFC
// 1071 section 2 B), so nothing is swapped.

namespace sluice {

/// A one's complement sum that has not been folded yet. Room for 2^48 words.
class ChecksumSum {
 public:
  constexpr ChecksumSum() = default;
  constexpr void add_raw16(std::uint16_t raw) { sum_ += raw; }
  constexpr void add_raw32(std::uint32_t raw) { sum_ += (raw & 0xffff) + (raw >> 16); }
  constexpr void add(Be16 word) { add_raw16(word.raw()); }
  constexpr void add(Be32 words) { add_raw32(words.raw()); }
  void add(const Address& address);  // four bytes of an IPv4 address, sixteen of an IPv6 one
  /// Any number of bytes; an odd last one is padded with zero.
  void add(std::span<const std::uint8_t> bytes);
  [[nodiscard]] constexpr std::uint16_t folded() const {
    std::uint64_t sum = sum_;
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
  }
  /// What goes into the header field.
  [[nodiscard]] constexpr Be16 checksum() const {
    return Be16::from_raw(static_cast<std::uint16_t>(~folded()));
  }

 private:
  std::uint64_t sum_ = 0;
};

/// Checksum over a whole IPv4 header or ICMP message whose checksum field is zero; 0 when it is
/// filled in and right.
[[nodiscard]] Be16 checksum_of(std::span<const std::uint8_t> bytes);

/// The pseudo-header of TCP, UDP and ICMPv6 (RFC 9293 section 3.1, RFC 8200 section 8.1).
[[nodiscard]] ChecksumSum pseudo_header_sum(const Address& source, const Address& destination,
                                            std::uint8_t protocol, std::uint32_t length_bytes);

/// What changes in a checksummed range: subtract the old words, add the new ones, apply to any
/// number of checksums.
class ChecksumChange {
 public:
  constexpr void replace(Be16 before, Be16 after) {
    sum_ += static_cast<std::uint16_t>(~before.raw()) + std::uint64_t{after.raw()};
  }
  constexpr void replace(Be32 before, Be32 after) {
    add_complement(before.raw());
    add(after.raw());
  }
  /// Both of one family.
  void replace(const Address& before, const Address& after);

  /// RFC 1624 section 3, equation 3: HC' = ~(~HC + ~m + m').
  [[nodiscard]] constexpr Be16 apply(Be16 checksum) const {
    std::uint64_t sum = sum_ + static_cast<std::uint16_t>(~checksum.raw());
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return Be16::from_raw(static_cast<std::uint16_t>(~sum));
  }

 private:
  constexpr void add(std::uint32_t raw) { sum_ += (raw & 0xffff) + (raw >> 16); }
  constexpr void add_complement(std::uint32_t raw) { add(~raw); }
  std::uint64_t sum_ = 0;
};

}  // namespace sluice
