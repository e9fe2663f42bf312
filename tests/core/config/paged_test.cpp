#include "core/config/paged.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace sluice {
namespace {

TEST(Paged, GrowsByPages) {
  Paged<int, 4> numbers;
  EXPECT_TRUE(numbers.empty());
  for (int i = 0; i < 9; ++i) numbers.push_back(i);
  EXPECT_EQ(numbers.size(), 9U);
  EXPECT_TRUE(std::ranges::equal(numbers, std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(numbers.front(), 0);
  EXPECT_EQ(numbers.back(), 8);
  EXPECT_THROW((void)numbers.at(9), std::out_of_range);
  numbers.grow(13);
  EXPECT_EQ(numbers.at(12), 0);
}

TEST(Paged, SharesWhatIsNotEdited) {
  Paged<int, 4> one;
  one.grow(12);
  Paged<int, 4> other = one;
  other.edit(5) = 7;
  EXPECT_EQ(&one[0], &other[0]);
  EXPECT_NE(&one[4], &other[4]);
  EXPECT_EQ(&one[8], &other[8]);
  EXPECT_EQ(one[5], 0);
  EXPECT_EQ(other[5], 7);
  const int* const own = &other[5];
  other.edit(6) = 8;
  EXPECT_EQ(&other[5], own) << "a page of its own is edited in place";
}

// Copies of copies, edited at random, against plain vectors.
TEST(Paged, IsAVector) {
  std::mt19937 random{7};
  std::vector<Paged<unsigned, 8>> paged(3);
  std::vector<std::vector<unsigned>> plain(3);
  for (unsigned step = 0; step < 5'000; ++step) {
    const std::size_t i = random() % 3;
    const std::size_t j = random() % 3;
    if (random() % 16 == 0) {
      paged[i] = paged[j];
      plain[i] = plain[j];
    } else if (plain[i].empty() || (plain[i].size() < 100 && random() % 4 == 0)) {
      paged[i].push_back(step);
      plain[i].push_back(step);
    } else {
      const std::size_t at = random() % plain[i].size();
      paged[i].edit(at) = step;
      plain[i][at] = step;
    }
    for (std::size_t k = 0; k < 3; ++k) ASSERT_TRUE(std::ranges::equal(paged[k], plain[k]));
  }
}

}  // namespace
}  // namespace sluice
