#include "tools/capture/compile_filter.h"

#include <gmock/gmock.h>
#include <pcap/pcap.h>
#include <random>

#include "tests/core/frames.h"

namespace sluice::capture {
namespace {

using testing::HasSubstr;

std::vector<test::Bytes> frames() {
  std::vector<test::FrameSpec> specs(9);
  specs[1].destination_port = 443;
  specs[1].tcp_flags = 0x02;
  specs[2].payload = specs[8].payload = test::Payload::udp;
  specs[2].udp_checksum_none = true;
  specs[3].payload = test::Payload::icmp_echo;
  specs[4].fragment_offset = 10;
  specs[4].more_fragments = true;
  specs[5].option_words = 2;
  specs[6].vlans = {100, 200};
  for (test::FrameSpec* spec : {&specs[7], &specs[8]}) {
    spec->source = test::ip("2001:db8::7");
    spec->destination = test::ip("2001:db8::10");
  }
  specs[8].extensions = {0};
  std::vector<test::Bytes> out;
  for (const test::FrameSpec& spec : specs) {
    const test::Bytes frame = test::build(spec);
    for (const std::size_t length :
         {frame.size(), std::size_t{14}, std::size_t{30}, frame.size() - 3})
      out.emplace_back(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
  }
  return out;
}

// What libpcap's own machine makes of it.
bool libpcap_matches(const std::vector<FilterInstruction>& program, const test::Bytes& frame) {
  std::vector<bpf_insn> instructions;
  for (const FilterInstruction& it : program)
    instructions.push_back({it.code, it.jump_true, it.jump_false, it.operand});
  const auto length = static_cast<u_int>(frame.size());
  return bpf_filter(instructions.data(), frame.data(), length, length) != 0;
}

TEST(CompileFilter, AgreesWithLibpcap) {
  int matched = 0;
  for (const char* expression : {"tcp",
                                 "tcp port 80",
                                 "udp",
                                 "icmp",
                                 "ip6",
                                 "ip6 and udp",
                                 "host 203.0.113.10",
                                 "net 198.51.100.0/24 and not port 443",
                                 "tcp[tcpflags] & tcp-syn != 0",
                                 "vlan",
                                 "vlan 100",
                                 "vlan and vlan and tcp",
                                 "ip[6:2] & 0x1fff != 0",
                                 "portrange 79-81",
                                 "greater 60",
                                 "less 60",
                                 "ether src 02:00:00:00:00:01",
                                 "ether[0] & 1 = 0 and ip[8] * 2 > 100",
                                 "ip[2:2] - ((ip[0] & 0xf) << 2) > 40",
                                 "tcp port 80 or (udp and port 80)",
                                 "ip protochain 6 or 1 = 1"}) {
    const auto program = compile_filter(expression);
    if (!program) continue;  // protochain loops, which the next test is about
    const auto filter = PacketFilter::make(*program);
    ASSERT_TRUE(filter) << expression;
    for (const test::Bytes& frame : frames()) {
      EXPECT_EQ(filter->matches(frame), libpcap_matches(*program, frame))
          << expression << ": " << test::hex(frame);
      matched += filter->matches(frame) ? 1 : 0;
    }
  }
  EXPECT_GT(matched, 100);
}

TEST(CompileFilter, AgreesWithLibpcapOnRandomPrograms) {
  constexpr std::uint64_t seed = 31337;
  std::mt19937_64 random(seed);
  const auto all = frames();
  int matched = 0;
  for (int i = 0; i < 100'000; ++i) {
    // libpcap's machine does not begin with a cleared memory.
    std::vector<FilterInstruction> program;
    for (std::uint32_t word = 0; word < 16; ++word) program.push_back({0x02, 0, 0, word});
    for (std::size_t length = 1 + random() % 8; length > 0; --length)
      program.push_back(
          {static_cast<std::uint16_t>(random() % 0xc0), static_cast<std::uint8_t>(random() % 3),
           static_cast<std::uint8_t>(random() % 3), static_cast<std::uint32_t>(random() % 60)});
    program.push_back({0x16, 0, 0, 0});
    const auto filter = PacketFilter::make(program);
    if (!filter) continue;
    const test::Bytes& frame = all[random() % all.size()];
    ASSERT_EQ(filter->matches(frame), libpcap_matches(program, frame)) << "seed " << seed;
    matched += filter->matches(frame) ? 1 : 0;
  }
  EXPECT_GT(matched, 500);
}

TEST(CompileFilter, NeedsNoProgramForEverything) {
  EXPECT_TRUE(compile_filter("")->empty());
  EXPECT_TRUE(compile_filter("  ")->empty());
}

TEST(CompileFilter, SaysWhatIsWrong) {
  const auto wrong = compile_filter("tcp prot 80");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().text(), HasSubstr("syntax error"));
  EXPECT_THAT(wrong.error().text(), HasSubstr("tcp prot 80"));
  EXPECT_FALSE(compile_filter("host no.such.name.invalid"));
  const auto loop = compile_filter("ip6 protochain 6");
  ASSERT_FALSE(loop);
  EXPECT_THAT(loop.error().text(), HasSubstr("jumps out of the program or back"));
}

}  // namespace
}  // namespace sluice::capture
