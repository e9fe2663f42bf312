#include "tools/pktgen/permutation.h"

#include <gtest/gtest.h>
#include <vector>

namespace sluice::pktgen {
namespace {

TEST(Permutation, HitsEachNumberOnceWhateverTheSize) {
  std::vector<std::uint64_t> sizes{65'535, 65'536, 65'537, 1'000'000, 1 << 21};
  for (std::uint64_t size = 1; size <= 300; ++size) sizes.push_back(size);
  for (const std::uint64_t size : sizes) {
    const Permutation order(size);
    std::vector<bool> seen(size);
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::uint64_t number = order(i);
      ASSERT_LT(number, size);
      ASSERT_FALSE(seen[number]) << size << ": " << number << " twice";
      seen[number] = true;
    }
  }
}

TEST(Permutation, NumbersStayBelowTheLargestSizes) {
  for (const std::uint64_t size : {(std::uint64_t{1} << 36) + 1, std::uint64_t{1} << 40}) {
    const Permutation order(size);
    for (std::uint64_t i = 0; i < 10'000; ++i) {
      ASSERT_LT(order(i), size);
      ASSERT_LT(order(size - 1 - i), size);
    }
  }
}

// A cache that prefetches neighbours must gain nothing.
TEST(Permutation, NeighboursAreScattered) {
  constexpr std::uint64_t size = 1'000'000;
  const Permutation order(size);
  int near = 0;
  std::vector<int> tenths(10);
  for (std::uint64_t i = 0; i + 1 < 100'000; ++i) {
    const auto here = static_cast<std::int64_t>(order(i));
    if (std::abs(here - static_cast<std::int64_t>(order(i + 1))) < 1'000) ++near;
    ++tenths[static_cast<std::size_t>(here) * 10 / size];
  }
  EXPECT_LT(near, 1'000);  // by chance it would be 200
  for (const int count : tenths) EXPECT_NEAR(count, 10'000, 1'000);
}

}  // namespace
}  // namespace sluice::pktgen
