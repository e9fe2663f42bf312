#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <thread>

#include "core/capture/record.h"
#include "dataplane/capture/ring.h"

namespace sluice::dataplane {
namespace {

constexpr std::size_t all = ~std::size_t{0};

// A record of `bytes` of frame whose bytes follow from its number.
bool put(CaptureRing& ring, std::uint64_t number, std::uint16_t bytes) {
  CaptureRecord record;
  record.size_bytes = static_cast<std::uint32_t>(CaptureRecord::size_of(bytes));
  record.time_ns = number;
  record.in_bytes = bytes;
  std::uint8_t* const room = ring.reserve(record.size_bytes);
  if (room == nullptr) return false;
  std::memcpy(room, &record, sizeof record);
  std::memset(room + sizeof record, static_cast<int>(number & 0xff), bytes);
  return true;
}

TEST(CaptureRing, ShowsOnlyWhatIsCommitted) {
  CaptureRing ring(4'096);
  std::string out;
  ASSERT_TRUE(put(ring, 1, 100));
  EXPECT_EQ(ring.take(out, all, all), 0U);
  ring.commit();
  EXPECT_EQ(ring.take(out, all, all), 1U);
  EXPECT_EQ(ring.take(out, all, all), 0U);
  EXPECT_EQ(out.size(), CaptureRecord::size_of(100));
}

TEST(CaptureRing, CountsWhatHasNoRoom) {
  CaptureRing ring(4'096);
  int in = 0;
  while (put(ring, 0, 200)) ++in;
  EXPECT_EQ(in, 16);  // of 248 bytes, with the end that none fits into
  EXPECT_FALSE(put(ring, 0, 200));
  EXPECT_EQ(ring.dropped(), 2U);
  ring.commit();
  std::string out;
  EXPECT_EQ(ring.take(out, 1, all), 1U);
  EXPECT_TRUE(put(ring, 0, 200));  // at the beginning, for the end is too short
  EXPECT_FALSE(put(ring, 0, 200));
  ring.commit();
  EXPECT_EQ(ring.take(out, all, all), 16U);
}

TEST(CaptureRing, TakesWithinBounds) {
  CaptureRing ring(4'096);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(put(ring, 0, 100));
  ring.commit();
  std::string out;
  EXPECT_EQ(ring.take(out, 3, all), 3U);
  EXPECT_EQ(ring.take(out, all, 1), 1U);  // begins within the bound
  EXPECT_EQ(ring.take(out, all, 2 * CaptureRecord::size_of(100)), 2U);
  EXPECT_EQ(ring.take(out, all, all), 4U);
}

// A writer and a reader at the same time: what comes out is what went in, in order and whole.
TEST(CaptureRing, KeepsOrderAndBytesBetweenThreads) {
  constexpr std::uint64_t seed = 99;
  constexpr std::uint64_t records = 50'000;
  CaptureRing ring(16'384);
  std::uint64_t dropped = 0;
  std::jthread writer([&] {
    std::mt19937_64 random(seed);
    for (std::uint64_t i = 1; i <= records; ++i) {
      if (!put(ring, i, static_cast<std::uint16_t>(random() % 1'000))) {
        ++dropped;
        std::this_thread::yield();
      }
      if (random() % 8 == 0 || i == records) ring.commit();
    }
  });
  std::uint64_t last = 0;
  std::uint64_t taken = 0;
  while (taken + ring.dropped() < records) {
    std::string out;
    ring.take(out, all, all);
    CaptureReader reader(out);
    while (const auto packet = reader.next()) {
      ASSERT_GT(packet->record.time_ns, last) << "seed " << seed;
      last = packet->record.time_ns;
      for (const std::uint8_t byte : packet->in)
        ASSERT_EQ(byte, static_cast<std::uint8_t>(last)) << "seed " << seed;
      ++taken;
    }
    if (out.empty()) std::this_thread::yield();
  }
  writer.join();
  EXPECT_EQ(ring.dropped(), dropped);
  EXPECT_EQ(taken + dropped, records);
  EXPECT_GT(taken, 1'000U);
}

}  // namespace
}  // namespace sluice::dataplane
