#include "core/net/parse_usual.h"
#include "core/net/reset.h"
#include "tests/core/frames.h"
#include "tests/core/guarded_bytes.h"
#include "tests/fuzz/target.h"

// The parser on one frame: whatever it says stands inside the frame, and what it quotes too. The
// reset that would answer it is sound.

namespace sluice {
namespace {

void demand_inside(const ParsedPacket& packet, std::size_t frame_bytes) {
  test::demand(packet.l3_offset >= 14 && packet.l3_offset < frame_bytes, "l3 inside the frame");
  test::demand(packet.l4_offset > packet.l3_offset, "l4 behind l3");
  if (packet.has_ports) test::demand(packet.l4_offset + 4U <= frame_bytes, "ports in the frame");
}

// In place of the packet, and never longer.
void demand_sound_reset(std::span<const std::uint8_t> frame, const ParsedPacket& packet) {
  if (!may_cause_reset(packet)) return;
  test::Bytes reset(frame.begin(), frame.end());
  const std::uint16_t length_bytes = make_reset(reset.data(), packet);
  test::demand(length_bytes <= packet.ip_length_bytes, "a reset is no longer than its cause");
  reset.resize(std::size_t{packet.l3_offset} + length_bytes);
  test::demand(test::wrong_checksums(reset).empty(), "a reset has right checksums");
  ParsedPacket answer;
  test::demand(parse(reset, answer) == Verdict::none, "a reset can be parsed");
  test::demand(!may_cause_reset(answer), "a reset causes none");
}

void run(std::span<const std::uint8_t> bytes) {
  static test::GuardedBytes memory(65'536);
  if (bytes.size() > 65'536) return;
  const std::span<const std::uint8_t> frame = memory.place(bytes);
  ParsedPacket packet;
  const Verdict verdict = parse(frame, packet);
  if (ParsedPacket usual; parse_usual(frame, usual))
    test::demand(verdict == Verdict::none && usual == packet, "the short way says the same");
  if (verdict != Verdict::none) return;
  demand_inside(packet, frame.size());
  test::demand(packet.l3_offset + std::size_t{packet.ip_length_bytes} <= frame.size(),
               "the IP packet is inside the frame");
  test::demand(packet.source.family() == packet.family, "the source is of the packet's family");
  demand_sound_reset(frame, packet);
  if (!is_icmp_error(packet)) return;
  ParsedPacket quoted;
  if (!parse_quoted(frame, packet, quoted)) return;
  demand_inside(quoted, frame.size());
  test::demand(quoted.l3_offset > packet.l4_offset, "the quoted packet is inside the error");
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::run({data, size});
  return 0;
}
