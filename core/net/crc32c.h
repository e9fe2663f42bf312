#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// CRC32c, the checksum of SCTP (RFC 9260 section 6.8 and appendix A): the Castagnoli polynomial,
// reflected, all ones before and after.

namespace sluice {

/// Of these bytes. SCTP stores it least significant byte first.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::uint8_t> bytes);

/// What the CRC changes by when four bytes of a message change by `difference` (old xor new, as
/// loaded), and `bytes_behind` follow them: to be xored in. The CRC is linear, so nothing of the
/// message is read, and a wrong checksum stays wrong. Some hundreds of operations, whatever the
/// length.
[[nodiscard]] std::uint32_t crc32c_change(std::uint32_t difference, std::size_t bytes_behind);

}  // namespace sluice
