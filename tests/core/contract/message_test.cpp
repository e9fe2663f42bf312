#include "core/contract/message.h"

#include <gtest/gtest.h>

#include "core/health/state.h"
#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::Bytes;

Bytes three_messages() {
  Report report;
  report.version = "0.1.0";
  report.notes = {"wan0: no RSS"};
  Bytes out = make_message(MessageType::report, 7, report);
  for (const std::uint64_t generation : {8, 9}) {
    const Bytes next = make_message(MessageType::health, generation, Health{});
    out.insert(out.end(), next.begin(), next.end());
  }
  return out;
}

std::vector<MessageReader::Message> all_of(MessageReader& reader) {
  std::vector<MessageReader::Message> out;
  while (auto message = reader.next()) out.push_back(std::move(*message));
  return out;
}

void expect_the_three(const std::vector<MessageReader::Message>& messages) {
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[0].header.type, MessageType::report);
  EXPECT_EQ(messages[0].header.generation, 7U);
  const auto report = decode<Report>(messages[0].body);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->version, "0.1.0");
  EXPECT_EQ(messages[1].header.generation, 8U);
  EXPECT_EQ(messages[2].header.generation, 9U);
  EXPECT_TRUE(decode<Health>(messages[2].body));
}

TEST(MessageReader, CutAtEveryByteGivesTheSameMessages) {
  const Bytes stream = three_messages();
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    MessageReader reader;
    reader.feed(std::span(stream).first(cut));
    auto messages = all_of(reader);
    reader.feed(std::span(stream).subspan(cut));
    for (auto& message : all_of(reader)) messages.push_back(std::move(message));
    expect_the_three(messages);
    EXPECT_FALSE(reader.broken());
  }
}

TEST(MessageReader, ByteByByteGivesTheSameMessages) {
  MessageReader reader;
  std::vector<MessageReader::Message> messages;
  for (const std::uint8_t byte : three_messages()) {
    reader.feed({&byte, 1});
    for (auto& message : all_of(reader)) messages.push_back(std::move(message));
  }
  expect_the_three(messages);
}

TEST(MessageReader, AnotherProtocolVersionOrSizeBreaksTheConnection) {
  for (const std::size_t at : {std::size_t{0}, std::size_t{4}, std::size_t{23}}) {
    Bytes stream = three_messages();
    stream[at] = static_cast<std::uint8_t>(stream[at] + 1);  // magic, version, top of the length
    MessageReader reader;
    reader.feed(stream);
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.broken()) << "byte " << at;
    reader.feed(three_messages());
    EXPECT_FALSE(reader.next()) << "what follows a broken header must not be believed";
  }
}

TEST(MessageReader, NoiseBreaksItAndDoesNoHarm) {
  std::mt19937_64 random(28);
  for (int i = 0; i < 2'000; ++i) {
    Bytes stream = three_messages();
    for (int changes = 0; changes < 3; ++changes)
      stream[random() % stream.size()] = static_cast<std::uint8_t>(random());
    MessageReader reader;
    for (std::size_t at = 0; at < stream.size(); at += 11) {
      reader.feed(std::span(stream).subspan(at, std::min<std::size_t>(11, stream.size() - at)));
      for (const auto& message : all_of(reader)) (void)decode<Report>(message.body);
    }
  }
}

}  // namespace
}  // namespace sluice
