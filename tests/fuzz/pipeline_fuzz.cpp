#include <algorithm>
#include <memory>
#include <vector>

#include "dataplane/l4/pipeline.h"
#include "tests/core/frames.h"
#include "tests/fuzz/services.h"
#include "tests/fuzz/target.h"

// The whole packet path on a sequence of frames. An input is a byte that picks the service, a byte
// that picks the headroom, then frames: a byte of seconds that pass, two of length, the bytes. With
// the top bit of the length the frame is the other end's answer to the last one that was sent; four
// bytes say what it is like.
// The buffer of each is exactly as large as the pipeline is told, so that the address sanitizer
// sees a byte written beside it. What must hold of every packet that is sent:
//   its buffer holds it, and it is no larger than the path's MTU;
//   a tunnel carries the packet untouched;
//   every checksum is right when every one was right as it came in.

namespace sluice::dataplane {
namespace {

using test::Bytes;

constexpr std::size_t flows_max = 1'024;

// One worker's memory, cleared for each input, but for the counters, by which nothing is decided.
class Worker {
 public:
  Worker()
      : lines_((FlowMemory::size_bytes(flows_max) + 63) / 64),
        counters_(std::make_unique<WorkerCounters>()) {}

  Pipeline start() {
    std::ranges::fill(lines_, Line{});
    const std::span<std::uint8_t> memory(lines_.front().bytes.data(), lines_.size() * 64);
    return Pipeline(FlowMemory::lay_out(memory, flows_max, 0, 0x5eed, 1), steering_, *counters_,
                    {});
  }

 private:
  struct alignas(64) Line {
    std::array<std::uint8_t, 64> bytes{};
  };
  std::vector<Line> lines_;
  std::unique_ptr<WorkerCounters> counters_;
  ReturnSteering steering_ = ReturnSteering::even(1);
};

// The IP packet of a frame, tags skipped, as long as its own header says.
std::span<const std::uint8_t> ip_packet(std::span<const std::uint8_t> frame) {
  std::size_t at = 12;
  const auto type = [&] { return static_cast<unsigned>(frame[at] << 8 | frame[at + 1]); };
  while (type() == 0x8100 || type() == 0x88a8) at += 4;
  const auto packet = frame.subspan(at + 2);
  const bool is_ipv4 = type() == 0x0800;
  const std::size_t length =
      is_ipv4 ? packet[2] * 256U + packet[3] : 40U + packet[4] * 256U + packet[5];
  test::demand(length <= packet.size(), "the IP packet's length is inside the frame");
  return packet.first(length);
}

void judge(const Packet& packet, const Bytes& before, std::span<const std::uint8_t> buffer) {
  const std::span<const std::uint8_t> after(packet.data, packet.length_bytes);
  const std::string name(to_string(packet.verdict));
  test::demand(
      after.data() >= buffer.data() && after.data() + after.size() <= buffer.data() + buffer.size(),
      name + " stays in its buffer");
  if (exit_of(packet.verdict) != Exit::transmit) return;
  const auto sent = ip_packet(after);
  test::demand(sent.size() <= test::fuzz_mtu_bytes, name + " fits the MTU");
  const auto came = ip_packet(before);
  switch (packet.verdict) {
    case Verdict::sent_ipip:
    case Verdict::sent_gre:
    case Verdict::sent_gue:
      test::demand(sent.size() > came.size() && std::ranges::equal(sent.last(came.size()), came),
                   name + " carries the packet untouched");
      break;
    case Verdict::sent_l2dsr:
    case Verdict::sent_l3dsr:
    case Verdict::sent_nat:
    case Verdict::sent_nat_return:
    case Verdict::replied_echo:
      test::demand(sent.size() == came.size(), name + " keeps the length");
      break;
    default:
      break;
  }
  if (!test::wrong_checksums(before).empty()) return;
  const std::string wrong = test::wrong_checksums(after);
  test::demand(wrong.empty(), name + " has right checksums, but: " + wrong);
}

constexpr std::size_t frame_bytes_max = 4'095;
constexpr unsigned answer_bit = 0x8000;

// To the packet in this frame, if it is TCP or UDP; else empty.
Bytes answer(const Bytes& sent, test::Input& input) {
  const std::uint8_t flags = input.byte();
  const std::uint8_t sequence = input.byte();
  const std::uint8_t acknowledged = input.byte();
  const std::uint8_t data_bytes = input.byte();
  ParsedPacket packet;
  if (parse(sent, packet) != Verdict::none || !packet.has_ports) return {};
  test::FrameSpec spec{.source = packet.destination,
                       .destination = packet.source,
                       .source_port = packet.destination_port.host(),
                       .destination_port = packet.source_port.host()};
  spec.payload = packet.layer4 == Layer4::udp ? test::Payload::udp : test::Payload::tcp;
  spec.data_bytes = data_bytes;
  if (packet.layer4 == Layer4::tcp) {
    const auto field = [&](std::size_t at) {
      std::uint32_t value = 0;
      for (std::size_t i = 0; i < 4; ++i) value = value << 8 | sent[packet.l4_offset + at + i];
      return value;
    };
    spec.tcp_flags = flags;
    spec.tcp_sequence = field(8) + sequence;
    spec.tcp_acknowledgement = field(4) + acknowledged;
  }
  return test::build(spec);
}

void run(test::Input input) {
  static Worker worker;
  Pipeline pipeline = worker.start();
  const auto& services = test::fuzz_services();
  const Snapshot& snapshot = services[input.byte() % services.size()];
  const auto headroom = static_cast<std::uint16_t>(input.byte() % 2 == 0 ? 128 : input.byte() % 64);
  std::uint64_t now_ns = 1'000'000'000'000;
  Bytes sent;
  while (!input.is_empty()) {
    now_ns += input.byte() * std::uint64_t{1'000'000'000};
    const unsigned kind = input.number16();
    Bytes before;
    if ((kind & answer_bit) != 0 && !sent.empty()) {
      before = answer(sent, input);
    } else {
      const auto frame = input.bytes(kind & frame_bytes_max);
      before.assign(frame.begin(), frame.end());
    }
    const auto buffer = std::make_unique<std::uint8_t[]>(headroom + before.size());
    std::ranges::copy(before, buffer.get() + headroom);
    Packet packet;
    packet.data = buffer.get() + headroom;
    packet.length_bytes = static_cast<std::uint16_t>(before.size());
    packet.headroom_bytes = headroom;
    packet.in_port = 0;
    pipeline.process(snapshot, {&packet, 1}, {now_ns});
    judge(packet, before, {buffer.get(), headroom + before.size()});
    if (exit_of(packet.verdict) == Exit::transmit)
      sent.assign(packet.data, packet.data + packet.length_bytes);
    pipeline.age(snapshot, {now_ns});
  }
}

}  // namespace
}  // namespace sluice::dataplane

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::dataplane::run({data, size});
  return 0;
}
