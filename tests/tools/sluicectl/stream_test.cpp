#include "tools/sluicectl/stream.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

struct Read {
  bool ok = true;
  bool whole = false;
  std::string content;
  std::map<std::string, std::string> trailer;
};

Read read(std::string_view bytes, std::size_t piece) {
  Read out;
  ChunkReader reader;
  while (out.ok && !bytes.empty()) {
    out.ok = reader.feed(bytes.substr(0, piece), [&](std::string_view part) {
      out.content += part;
      return true;
    });
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  out.whole = reader.is_whole();
  out.trailer = reader.trailer();
  return out;
}

TEST(ChunkReader, GivesTheSameHoweverItIsCut) {
  constexpr std::string_view answer =
      "5\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxy\n\r\n0\r\nA: 1\r\nB: two words\r\n\r\n";
  for (std::size_t piece = 1; piece <= answer.size(); ++piece) {
    const Read all = read(answer, piece);
    EXPECT_TRUE(all.ok && all.whole) << piece;
    EXPECT_EQ(all.content, "helloabcdefghijklmnopqrstuvwxy\n") << piece;
    EXPECT_EQ(all.trailer.at("A"), "1");
    EXPECT_EQ(all.trailer.at("B"), "two words");
  }
}

TEST(ChunkReader, KnowsThatThereIsMore) {
  const Read half = read("5\r\nhel", 100);
  EXPECT_TRUE(half.ok);
  EXPECT_FALSE(half.whole);
  EXPECT_EQ(half.content, "hel");
  EXPECT_FALSE(read("0\r\nA: 1\r\n", 100).whole);
}

TEST(ChunkReader, RefusesNonsense) {
  EXPECT_FALSE(read("x\r\n", 100).ok);
  EXPECT_FALSE(read("\r\n", 100).ok);
  EXPECT_FALSE(read("5\nhello", 100).ok);
  EXPECT_FALSE(read("5\r\nhelloworld\r\n", 100).ok);
  EXPECT_FALSE(read("ffffffffffffffffff\r\n", 100).ok);
  EXPECT_FALSE(read("0\r\n\r\nmore\r\n", 100).ok);
  EXPECT_FALSE(read(std::string(100'000, '1'), 1'000).ok);
}

TEST(ChunkReader, EndsWhenTheSinkHasEnough) {
  ChunkReader reader;
  EXPECT_FALSE(reader.feed("5\r\nhello\r\n", [](std::string_view) { return false; }));
}

}  // namespace
}  // namespace sluice::ctl
