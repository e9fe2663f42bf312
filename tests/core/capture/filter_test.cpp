#include "core/capture/filter.h"

#include <gtest/gtest.h>
#include <random>

#include "tests/core/frames.h"
#include "tests/core/guarded_bytes.h"

namespace sluice {
namespace {

using Program = std::vector<FilterInstruction>;
using test::Bytes;

bool matches(const Program& program, const Bytes& frame) {
  const auto filter = PacketFilter::make(program);
  EXPECT_TRUE(filter) << filter.error().text();
  test::GuardedBytes memory(frame.size());
  return filter && filter->matches(memory.place(frame));
}

std::string why_not(const Program& program) {
  const auto filter = PacketFilter::make(program);
  return filter ? "" : filter.error().what;
}

// The usual frame but for a change.
template <typename Change>
test::FrameSpec with(Change&& change) {
  test::FrameSpec out;
  change(out);
  return out;
}

constexpr FilterInstruction yes{0x06, 0, 0, 1};
constexpr FilterInstruction no{0x06, 0, 0, 0};

// `tcpdump -ddd tcp dst port 80` for Ethernet, IPv4 only.
const Program tcp_to_80 = {{0x28, 0, 0, 12}, {0x15, 0, 8, 0x0800}, {0x30, 0, 0, 23},
                           {0x15, 0, 6, 6},  {0x28, 0, 0, 20},     {0x45, 4, 0, 0x1fff},
                           {0xb1, 0, 0, 14}, {0x48, 0, 0, 16},     {0x15, 0, 1, 80},
                           {0x06, 0, 0, 1},  {0x06, 0, 0, 0}};

TEST(PacketFilter, TakesEverythingWithoutAProgram) {
  EXPECT_TRUE(PacketFilter().matches({}));
  EXPECT_TRUE(matches({}, {1, 2, 3}));
}

TEST(PacketFilter, RunsACompiledExpression) {
  EXPECT_TRUE(matches(tcp_to_80, test::build({})));
  EXPECT_TRUE(matches(tcp_to_80, test::build(with([](auto& it) { it.option_words = 3; }))));
  EXPECT_FALSE(matches(tcp_to_80, test::build(with([](auto& it) { it.destination_port = 81; }))));
  EXPECT_FALSE(
      matches(tcp_to_80, test::build(with([](auto& it) { it.payload = test::Payload::udp; }))));
  EXPECT_FALSE(matches(tcp_to_80, test::build(with([](auto& it) {
                         it.source = test::ip("2001:db8::1");
                         it.destination = test::ip("2001:db8::2");
                       }))));
}

TEST(PacketFilter, DoesNotMatchWhereTheFrameEnds) {
  const Bytes frame = test::build({});
  for (std::size_t length = 0; length < 38; ++length)
    EXPECT_FALSE(matches(tcp_to_80, Bytes(frame.begin(), frame.begin() + std::ptrdiff_t(length))))
        << length;
  EXPECT_FALSE(matches({{0x20, 0, 0, 0xffffffff}, yes}, frame));  // an offset that would wrap
  EXPECT_FALSE(matches({{0x01, 0, 0, 0xffffffff}, {0x40, 0, 0, 0xffffffff}, yes}, frame));
}

TEST(PacketFilter, ComputesAsTheMachineDoes) {
  // A = 7, X = 3: what is left of the operation is compared with the wanted value.
  const auto result_is = [](std::uint16_t operation, std::uint32_t wanted) {
    return matches(
        {{0x01, 0, 0, 3},
         {0x00, 0, 0, 7},
         {static_cast<std::uint16_t>(operation == 0x80 ? 0x84 : 0x0c | operation), 0, 0, 0},
         {0x15, 0, 1, wanted},
         yes,
         no},
        {});
  };
  EXPECT_TRUE(result_is(0x00, 10));
  EXPECT_TRUE(result_is(0x10, 4));
  EXPECT_TRUE(result_is(0x20, 21));
  EXPECT_TRUE(result_is(0x30, 2));
  EXPECT_TRUE(result_is(0x40, 7));
  EXPECT_TRUE(result_is(0x50, 3));
  EXPECT_TRUE(result_is(0x60, 56));
  EXPECT_TRUE(result_is(0x70, 0));
  EXPECT_TRUE(result_is(0x80, 0xfffffff9));
  EXPECT_TRUE(result_is(0x90, 1));
  EXPECT_TRUE(result_is(0xa0, 4));
  // Memory, the length of the frame, TAX and TXA, and the accumulator as the answer.
  EXPECT_TRUE(matches({{0x80, 0, 0, 0},
                       {0x02, 0, 0, 15},
                       {0x61, 0, 0, 15},
                       {0x87, 0, 0, 0},
                       {0x15, 0, 1, 2},
                       {0x16, 0, 0, 0},
                       no},
                      {9, 9}));
}

TEST(PacketFilter, EndsWhereItWouldDivideByZero) {
  for (const int code : {0x3c, 0x9c})
    EXPECT_FALSE(matches({{0x00, 0, 0, 7}, {static_cast<std::uint16_t>(code), 0, 0, 0}, yes}, {}));
  // Shifting by a word or more leaves nothing.
  EXPECT_FALSE(matches({{0x01, 0, 0, 32}, {0x00, 0, 0, 7}, {0x6c, 0, 0, 0}, {0x16, 0, 0, 0}}, {}));
}

TEST(PacketFilter, RefusesWhatCannotBeRunSafely) {
  EXPECT_EQ(why_not({{0x00, 0, 0, 1}}), "the filter does not end with a return");
  EXPECT_EQ(why_not({{0x05, 0, 0, 1}, yes}),
            "instruction 0 of the filter jumps out of the program or back");
  EXPECT_EQ(why_not({{0x05, 0, 0, 0xffffffff}, yes}),
            "instruction 0 of the filter jumps out of the program or back");
  EXPECT_EQ(why_not({{0x15, 0, 1, 0}, yes}),
            "instruction 0 of the filter jumps out of the program or back");
  EXPECT_EQ(why_not({{0x60, 0, 0, 16}, yes}),
            "instruction 0 of the filter loads beyond its memory");
  EXPECT_EQ(why_not({{0x02, 0, 0, 16}, yes}),
            "instruction 0 of the filter stores beyond its memory");
  EXPECT_EQ(why_not({{0x34, 0, 0, 0}, yes}), "instruction 0 of the filter divides by zero");
  EXPECT_EQ(why_not({{0x64, 0, 0, 32}, yes}),
            "instruction 0 of the filter shifts by more than a word");
  for (const int code :
       {0x0e, 0x38, 0xb0, 0xb4, 0x55, 0x17, 0x20 | 0x18, 0x128, 0x0a, 0x8c, 0x0d, 0x26})
    EXPECT_EQ(why_not({{static_cast<std::uint16_t>(code), 0, 0, 0}, yes}),
              "instruction 0 of the filter is unknown")
        << code;
  EXPECT_EQ(why_not(Program(PacketFilter::instructions_max + 1, yes)),
            "the filter has more than 4096 instructions");
  EXPECT_EQ(why_not(Program(PacketFilter::instructions_max, yes)), "");
}

// Whatever passes the check runs to its end, and never outside of the frame.
TEST(PacketFilter, SurvivesRandomPrograms) {
  constexpr std::uint64_t seed = 4711;
  std::mt19937_64 random(seed);
  test::GuardedBytes memory(64);
  int ran = 0;
  for (int i = 0; i < 200'000; ++i) {
    Program program(1 + random() % 8);
    for (FilterInstruction& instruction : program)
      instruction = {static_cast<std::uint16_t>(random() % 0xc0),
                     static_cast<std::uint8_t>(random() % 4),
                     static_cast<std::uint8_t>(random() % 4),
                     static_cast<std::uint32_t>(random() % 8 == 0 ? random() : random() % 70)};
    program.push_back({0x16, 0, 0, 0});
    const auto filter = PacketFilter::make(program);
    if (!filter) continue;
    (void)filter->matches(memory.last(random() % 65));
    ++ran;
  }
  EXPECT_GT(ran, 3'000) << "seed " << seed;
}

}  // namespace
}  // namespace sluice
