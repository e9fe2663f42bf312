#include "core/net/cursor.h"

#include <array>
#include <gtest/gtest.h>

#include "core/net/wire.h"

namespace sluice {
namespace {

TEST(Cursor, TakesWhatFitsAndNothingElse) {
  const std::array<std::uint8_t, 12> bytes{0x01, 0x02, 0x03, 0x04};
  Cursor cursor(bytes);
  ASSERT_NE(cursor.peek<wire::UdpHeader>(), nullptr);
  EXPECT_EQ(cursor.left(), 12U);
  const auto* udp = cursor.take<wire::UdpHeader>();
  ASSERT_NE(udp, nullptr);
  EXPECT_EQ(udp->source_port.host(), 0x0102);
  EXPECT_EQ(udp->destination_port.host(), 0x0304);
  EXPECT_EQ(cursor.left(), 4U);
  EXPECT_EQ(cursor.take<wire::UdpHeader>(), nullptr);
  EXPECT_EQ(cursor.left(), 4U) << "a header that does not fit must not move the cursor";
  EXPECT_EQ(cursor.here(), bytes.data() + 8);
}

TEST(Cursor, SkipsToTheEndAndNotBeyond) {
  const std::array<std::uint8_t, 4> bytes{};
  Cursor cursor(bytes);
  EXPECT_FALSE(cursor.try_skip(5));
  EXPECT_EQ(cursor.left(), 4U);
  EXPECT_TRUE(cursor.try_skip(4));
  EXPECT_EQ(cursor.left(), 0U);
  EXPECT_TRUE(cursor.try_skip(0));
  EXPECT_FALSE(cursor.try_skip(1));
  EXPECT_FALSE(cursor.try_skip(~std::size_t{0}));
}

TEST(Cursor, OfNothingHasNothing) {
  Cursor cursor({});
  EXPECT_EQ(cursor.left(), 0U);
  EXPECT_EQ(cursor.take<Be16>(), nullptr);
}

}  // namespace
}  // namespace sluice
