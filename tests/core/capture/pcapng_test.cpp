#include "core/capture/pcapng.h"

#include <cstring>
#include <gtest/gtest.h>

#include "core/capture/record.h"
#include "core/contract/codec.h"
#include "tests/core/frames.h"

namespace sluice {
namespace {

std::uint32_t word_at(std::string_view bytes, std::size_t offset) {
  std::uint32_t out = 0;
  std::memcpy(&out, bytes.substr(offset, sizeof out).data(), sizeof out);
  return out;
}

// The types of the blocks; every block says its length twice, a multiple of four.
std::vector<std::uint32_t> types_of(std::string_view file) {
  std::vector<std::uint32_t> out;
  while (!file.empty()) {
    const std::uint32_t length = file.size() < 12 ? 0 : word_at(file, 4);
    const bool is_sound = length >= 12 && length % 4 == 0 && length <= file.size() &&
                          word_at(file, length - 4) == length;
    EXPECT_TRUE(is_sound) << "block " << out.size();
    if (!is_sound) break;
    out.push_back(word_at(file, 0));
    file.remove_prefix(length);
  }
  return out;
}

TEST(Pcapng, IsMadeOfSoundBlocks) {
  for (std::size_t length = 0; length < 9; ++length) {
    const test::Bytes frame(length, 0xaa);
    const std::string text(length, 'x');
    const std::string file =
        pcapng_begin(text, {"wan0", text}, 100) +
        pcapng_packet({.interface = 1, .length_bytes = 9, .bytes = frame, .comment = text}) +
        pcapng_statistics(1, 2, 3, text);
    EXPECT_EQ(types_of(file), (std::vector<std::uint32_t>{0x0a0d0d0a, 1, 1, 6, 5}));
  }
}

TEST(Pcapng, PutsThePacketWhereTheFormatWantsIt) {
  const test::Bytes frame = {1, 2, 3, 4, 5};
  const std::string block = pcapng_packet({.interface = 7,
                                           .time_ns = 0x0123456789abcdef,
                                           .length_bytes = 60,
                                           .bytes = frame,
                                           .direction = PcapngDirection::out,
                                           .comment = "drop_no_backend web"});
  EXPECT_EQ(word_at(block, 8), 7U);
  EXPECT_EQ(word_at(block, 12), 0x01234567U);
  EXPECT_EQ(word_at(block, 16), 0x89abcdefU);
  EXPECT_EQ(word_at(block, 20), 5U);
  EXPECT_EQ(word_at(block, 24), 60U);
  EXPECT_EQ(std::memcmp(&block[28], frame.data(), frame.size()), 0);
  EXPECT_EQ(word_at(block, 36), 4U << 16 | 2U);  // flags, of four bytes
  EXPECT_EQ(word_at(block, 40), 2U);             // outbound
  EXPECT_EQ(word_at(block, 44), 19U << 16 | 1U);
  EXPECT_EQ(block.substr(48, 19), "drop_no_backend web");
}

TEST(Pcapng, CutsACommentThatIsTooLong) {
  const std::string comment(100'000, 'x');
  EXPECT_EQ(types_of(pcapng_packet({.bytes = {}, .comment = comment})).size(), 1U);
}

std::string record_of(CaptureRecord record, std::size_t bytes) {
  record.size_bytes = static_cast<std::uint32_t>(CaptureRecord::size_of(bytes));
  std::string out(record.size_bytes, 'x');
  std::memcpy(out.data(), &record, sizeof record);
  return out;
}

TEST(CaptureReader, TakesRecordsAndStopsAtNonsense) {
  CaptureRecord record;
  record.in_bytes = 5;
  record.out_bytes = 7;
  const std::string good = record_of(record, 12);
  const std::string both = good + good;
  CaptureReader two(both);
  const auto first = two.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->in.size(), 5U);
  EXPECT_EQ(first->out.size(), 7U);
  EXPECT_TRUE(two.next());
  EXPECT_FALSE(two.next());
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(CaptureReader(std::string_view(good).substr(0, length)).next());
  record.in_bytes = 60;  // more than there is
  const std::string bad = record_of(record, 12);
  EXPECT_FALSE(CaptureReader(bad).next());
}

TEST(CaptureRequest, TravelsAsBytes) {
  const CaptureRequest request{.program = {{0x06, 1, 2, 3}}, .packets = 4, .with_sent = true};
  const auto bytes = encode(request);
  const auto back = decode<CaptureRequest>(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->program, request.program);
  EXPECT_EQ(back->packets, 4U);
  EXPECT_TRUE(back->with_sent);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(decode<CaptureRequest>(std::span(bytes).first(length)));
}

}  // namespace
}  // namespace sluice
