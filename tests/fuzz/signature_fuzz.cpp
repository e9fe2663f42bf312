#include <algorithm>
#include <array>

#include "tests/core/guarded_bytes.h"
#include "tests/fuzz/target.h"
#include "tools/pktgen/signature.h"
#include "tools/pktgen/sink.h"

// What sluice-pktgen makes of a frame that arrives: only a signature that is there is found, and
// the sink counts each frame once whatever sequence numbers and times say.

namespace sluice {
namespace {

constexpr std::size_t frame_bytes_max = 2'048;

bool has_mark(std::span<const std::uint8_t> frame, std::uint8_t stream) {
  const std::array<std::uint8_t, 4> mark = {'S', 'l', 'G', stream};
  return !std::ranges::search(frame, mark).empty();
}

std::uint64_t all_counts(const pktgen::SinkCounts& counts) {
  return counts.packets + counts.duplicates + counts.stale + counts.foreign;
}

pktgen::Traffic traffic() {
  pktgen::Traffic out;
  out.flows = 1'000;
  out.new_flows_ppm = 100'000;
  return out;
}

void run(std::span<const std::uint8_t> bytes) {
  static test::GuardedBytes memory(frame_bytes_max);
  static pktgen::Sink sink(traffic(), true);
  if (bytes.size() > frame_bytes_max) return;
  const std::span<const std::uint8_t> frame = memory.place(bytes);
  const auto found = pktgen::recognise(frame);
  if (found) test::demand(has_mark(frame, found->signature.stream), "there is a signature");
  const std::uint64_t before = all_counts(sink.counts());
  const std::uint64_t foreign = sink.counts().foreign;
  sink.take(frame, 1);
  test::demand(all_counts(sink.counts()) == before + 1, "each frame is counted once");
  const bool is_ours = found && found->signature.stream == 0;
  test::demand(is_ours == (sink.counts().foreign == foreign), "ours is not foreign");
  test::demand(sink.counts().packets <= sink.span(), "no more than were sent");
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::run({data, size});
  return 0;
}
