#include "core/net/tcp_options.h"

#include <gtest/gtest.h>
#include <random>

#include "tests/core/frames.h"
#include "tests/core/guarded_bytes.h"

namespace sluice {
namespace {

using test::Bytes;

TEST(TcpOptions, OfALinuxSyn) {
  const Bytes bytes = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7};
  const TcpOptions options = read_tcp_options(bytes);
  EXPECT_EQ(options.mss_bytes, 1'460);
  EXPECT_EQ(options.window_scale, 7);
  EXPECT_TRUE(options.sack_permitted);
  EXPECT_EQ(options.timestamps, (TcpTimestamps{0x01020304, 0x05060708}));
  std::array<std::uint8_t, tcp_options_bytes_max> written{};
  EXPECT_EQ(write_tcp_options(options, written), bytes.size());
  EXPECT_EQ(Bytes(written.begin(), written.end()), bytes) << "as Linux lays them out";
}

TEST(TcpOptions, EveryCombinationComesBackFromWhatIsWritten) {
  for (unsigned bits = 0; bits < 16; ++bits)
    for (std::uint8_t scale = 0; scale <= TcpOptions::window_scale_max; ++scale) {
      TcpOptions options;
      if ((bits & 1) != 0) options.mss_bytes = 1'337;
      if ((bits & 2) != 0) options.window_scale = scale;
      if ((bits & 4) != 0) options.timestamps = TcpTimestamps{0xfffffffe, bits};
      options.sack_permitted = (bits & 8) != 0;
      std::array<std::uint8_t, tcp_options_bytes_max> written{};
      const std::size_t length = write_tcp_options(options, written);
      EXPECT_EQ(length % 4, 0U);
      EXPECT_EQ(read_tcp_options(std::span(written).first(length)), options) << bits;
    }
}

TEST(TcpOptions, WrongLengthsCountAsNotThere) {
  for (const Bytes& bytes :
       std::vector<Bytes>{{2},                                      // cut off before its length
                          {2, 0, 5, 180},                           // a length that never ends
                          {2, 1, 5, 180},                           // less than kind and length
                          {2, 5, 5, 180},                           // beyond the end
                          {2, 3, 5, 1},                             // no MSS is one byte
                          {0, 2, 4, 5, 180},                        // behind the end of the list
                          {3, 2, 1, 1},                             // no window scale
                          {4, 3, 1, 1},                             // SACK-permitted with a body
                          {8, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1}}) {  // timestamps too short
    EXPECT_EQ(read_tcp_options(bytes), TcpOptions{}) << test::hex(bytes);
  }
  EXPECT_EQ(read_tcp_options(Bytes{3, 3, 200, 1}).window_scale, 14) << "RFC 7323 section 2.3";
}

TEST(TcpOptions, AnyBytesAreReadWithinTheirBounds) {
  std::mt19937_64 random(1);
  test::GuardedBytes guarded(64);
  for (int round = 0; round < 200'000; ++round) {
    Bytes bytes(random() % 41);
    for (std::uint8_t& byte : bytes)  // mostly small: kinds and lengths that mean something
      byte = static_cast<std::uint8_t>(random() % 4 == 0 ? random() : random() % 12);
    const auto placed = guarded.place(bytes);
    std::size_t seen = 0;
    for_each_tcp_option(std::span<const std::uint8_t>(placed),
                        [&](TcpOption, std::span<const std::uint8_t> body) {
                          seen += 2 + body.size();
                          ASSERT_LE(body.data() + body.size(), placed.data() + placed.size());
                        });
    ASSERT_LE(seen, bytes.size());
    const TcpOptions options = read_tcp_options(placed);
    ASSERT_LE(options.window_scale.value_or(0), 14);
  }
}

}  // namespace
}  // namespace sluice
