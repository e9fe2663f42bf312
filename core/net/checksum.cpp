#include "core/net/checksum.h"

namespace sluice {

void ChecksumSum::add(const Address& address) {
  if (address.is_ipv4()) {
    add(address.ipv4());
    return;
  }
  for (std::size_t i = 0; i < 16; i += 4)
    add_raw32(load_unaligned<std::uint32_t>(address.bytes().data() + i));
}

void ChecksumSum::add(std::span<const std::uint8_t> bytes) {
  while (bytes.size() >= 4) {
    add_raw32(load_unaligned<std::uint32_t>(bytes.data()));
    bytes = bytes.subspan(4);
  }
  if (bytes.size() >= 2) {
    add_raw16(load_unaligned<std::uint16_t>(bytes.data()));
    bytes = bytes.subspan(2);
  }
  if (!bytes.empty()) add_raw16(bytes[0]);
}

Be16 checksum_of(std::span<const std::uint8_t> bytes) {
  ChecksumSum sum;
  sum.add(bytes);
  return sum.checksum();
}

ChecksumSum pseudo_header_sum(const Address& source, const Address& destination,
                              std::uint8_t protocol, std::uint32_t length_bytes) {
  ChecksumSum sum;
  sum.add(source);
  sum.add(destination);
  sum.add(Be32::from_host(length_bytes));
  sum.add(Be16::from_host(protocol));
  return sum;
}

void ChecksumChange::replace(const Address& before, const Address& after) {
  const bool ipv4 = before.is_ipv4();
  for (std::size_t i = ipv4 ? 12 : 0; i < 16; i += 4) {
    add_complement(load_unaligned<std::uint32_t>(before.bytes().data() + i));
    add(load_unaligned<std::uint32_t>(after.bytes().data() + i));
  }
}

}  // namespace sluice
