#include "core/net/siphash.h"

#include <bit>

#include "core/net/byte_order.h"

namespace sluice {
namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void compress(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  [[nodiscard]] std::uint64_t finish() {
    v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

std::uint64_t siphash(const SipHashKey& key, std::span<const std::uint8_t> input) {
  State state{key[0] ^ 0x736f6d6570736575ULL, key[1] ^ 0x646f72616e646f6dULL,
              key[0] ^ 0x6c7967656e657261ULL, key[1] ^ 0x7465646279746573ULL};
  // The last word holds what is left over and, on top, the length modulo 256.
  std::uint64_t last = static_cast<std::uint64_t>(input.size()) << 56;
  for (; input.size() >= 8; input = input.subspan(8))
    state.compress(load_unaligned<std::uint64_t>(input.data()));
  for (std::size_t i = 0; i < input.size(); ++i)
    last |= static_cast<std::uint64_t>(input[i]) << (8 * i);
  state.compress(last);
  return state.finish();
}

}  // namespace sluice
