#include "core/net/toeplitz.h"

namespace sluice {
namespace {

// The 32 bits of the key that start at this bit.
std::uint32_t key_window(const std::array<std::uint8_t, Toeplitz::key_bytes>& key,
                         std::size_t bit) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const std::size_t index = bit / 8 + i;
    bits = bits << 8 | (index < key.size() ? key[index] : 0U);
  }
  return static_cast<std::uint32_t>(bits >> (8 - bit % 8));
}

}  // namespace

Toeplitz::Toeplitz(const std::array<std::uint8_t, key_bytes>& key) {
  for (std::size_t byte = 0; byte < input_bytes_max; ++byte)
    for (std::size_t value = 0; value < 256; ++value)
      for (std::size_t bit = 0; bit < 8; ++bit)
        if ((value >> (7 - bit) & 1) != 0)
          byte_hash_[byte][value] ^= key_window(key, 8 * byte + bit);
}

std::uint32_t Toeplitz::hash(const FiveTuple& tuple) const {
  std::uint32_t out = 0;
  std::size_t position = 0;
  const auto feed = [&](const std::uint8_t* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) out ^= byte_hash_[position++][bytes[i]];
  };
  const std::size_t skip = tuple.source.is_ipv4() ? 12 : 0;
  feed(tuple.source.bytes().data() + skip, 16 - skip);
  feed(tuple.destination.bytes().data() + skip, 16 - skip);
  const Be16 ports[] = {tuple.source_port.be(), tuple.destination_port.be()};
  feed(ports[0].bytes.data(), 2);
  feed(ports[1].bytes.data(), 2);
  return out;
}

}  // namespace sluice
