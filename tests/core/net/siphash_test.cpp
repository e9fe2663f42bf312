#include "core/net/siphash.h"

#include <gtest/gtest.h>
#include <numeric>
#include <vector>

namespace sluice {
namespace {

// The authors' vectors: key 00 01 ... 0f, input 00 01 ... of each length.
TEST(SipHash, AgreesWithItsAuthorsVectors) {
  constexpr SipHashKey key = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
  const auto hash = [&](std::size_t length) {
    std::vector<std::uint8_t> input(length);
    std::iota(input.begin(), input.end(), std::uint8_t{0});
    return siphash(key, input);
  };
  EXPECT_EQ(hash(0), 0x726fdb47dd0e0e31ULL);
  EXPECT_EQ(hash(1), 0x74f839c593dc67fdULL);
  EXPECT_EQ(hash(8), 0x93f5f5799a932462ULL);
  EXPECT_EQ(hash(15), 0xa129ca6149be45e5ULL) << "the example of the paper";
}

}  // namespace
}  // namespace sluice
