#include "core/balance/negative_log.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace sluice {
namespace {

constexpr long double unit = 0x1p-58L;

long double exact(std::uint64_t value) {
  // log1p keeps small results exact: 2^64 - value has no rounding.
  if (value >> 63 != 0) return -std::log1p(static_cast<long double>(0 - value) * -0x1p-64L);
  return -std::log(value * 0x1p-64L);
}

void expect_close(std::uint64_t value) {
  const double tolerance = (8 + std::countl_zero(value)) * static_cast<double>(unit);
  EXPECT_NEAR(static_cast<double>(negative_log(value) * unit - exact(value)), 0.0, tolerance)
      << "of " << value;
}

TEST(NegativeLog, AgreesWithTheLibraryOverTheWholeRange) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t value = random() >> random() % 64;
    expect_close(value | 1);
    expect_close(0 - (value | 1));  // near one
  }
}

TEST(NegativeLog, AgreesAtTheEdgesOfItsTable) {
  for (std::uint64_t step = 128; step <= 255; ++step)
    for (const std::uint64_t edge : {step << 56, (step << 56) - 1, (step << 56) + 1}) {
      expect_close(edge);
      expect_close(edge >> 7);
    }
  expect_close(1);
  expect_close(2);
  expect_close(~std::uint64_t{0});
  EXPECT_EQ(negative_log(0), negative_log(1));
  EXPECT_EQ(negative_log(std::uint64_t{1} << 63), detail::logarithms[0]) << "ln 2";
}

// What spares most challengers of a slot the logarithm.
TEST(NegativeLog, IsNeverLessThanOneMinusTheValue) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t value = i % 2 == 0 ? random() : 0 - (random() >> random() % 64);
    EXPECT_GE(negative_log(value) + 1, ~value >> 6) << value;
  }
}

TEST(NegativeLog, IsTheSameOnEveryMachine) {
  // Fixed for ever: another result is another table than the other balancers of a cluster have.
  static_assert(negative_log(1) == 12786308645202655616ULL);
  static_assert(negative_log(0x8000000000000000) == 199786072581291494ULL);
  static_assert(negative_log(0xdeadbeefcafef00d) == 40193017743258728ULL);
  static_assert(negative_log(0xffffffffffffff00) == 4);
}

}  // namespace
}  // namespace sluice
