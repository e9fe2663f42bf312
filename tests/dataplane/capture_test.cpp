#include <gtest/gtest.h>

#include "dataplane/capture/session.h"
#include "tests/dataplane/rig.h"

namespace sluice::dataplane {
namespace {

using namespace std::chrono_literals;
using test::Bytes;
using test::FrameSpec;

constexpr std::size_t ring_bytes = 1 << 20;
const CaptureSession::Clock::time_point start{};

// The usual frame but for a change.
template <typename Change>
FrameSpec with(Change&& change) {
  FrameSpec out;
  change(out);
  return out;
}

// A packet of the capture, with bytes of its own.
struct Captured {
  CaptureRecord record;
  Bytes in;
  Bytes out;
};

std::vector<Captured> packets_of(const CapturePiece& piece) {
  std::vector<Captured> out;
  CaptureReader reader(piece.records);
  while (const auto packet = reader.next())
    out.push_back({packet->record, Bytes(packet->in.begin(), packet->in.end()),
                   Bytes(packet->out.begin(), packet->out.end())});
  return out;
}

// The pipeline of a worker with a capture on, as Worker::process goes about it.
class CapturingRig {
 public:
  explicit CapturingRig(CaptureRequest request, std::size_t bytes = ring_bytes) {
    auto session = CaptureSession::make(std::move(request),
                                        {.workers = 1, .epoch_ns = 5, .ring_bytes = bytes}, start);
    EXPECT_TRUE(session) << session.error().text();
    session_ = std::move(*session);
    rig_.set_tap(session_->taps().front());
  }
  Outcome send(const Snapshot& snapshot, const FrameSpec& spec) {
    return rig_.send(snapshot, spec);
  }
  CapturePiece take(std::chrono::seconds after = 0s) { return session_->take(start + after); }
  Rig& rig() { return rig_; }

 private:
  Rig rig_;
  std::unique_ptr<CaptureSession> session_;
};

const FrameSpec client = with([](FrameSpec& it) { it.tcp_flags = 0x02; });

TEST(Capture, HoldsThePacketAsItCameAndAsItWent) {
  const Snapshot snapshot = test::compiled(test::sample_config());
  CapturingRig rig({.with_sent = true});
  const Outcome outcome = rig.send(snapshot, client);
  const auto packets = packets_of(rig.take());
  ASSERT_EQ(packets.size(), 1U);
  const CaptureRecord& record = packets[0].record;
  EXPECT_EQ(packets[0].in, test::build(client));
  EXPECT_EQ(packets[0].out, outcome.frame);
  EXPECT_EQ(record.verdict, Verdict::sent_ipip);
  EXPECT_EQ(record.lookup, FlowLookup::miss);
  EXPECT_EQ(record.listener, 0);
  EXPECT_EQ(record.in_port, 0);
  EXPECT_EQ(record.out_port, 0);
  EXPECT_EQ(record.in_length, test::build(client).size());
  EXPECT_EQ(record.out_length, outcome.frame.size());
  EXPECT_EQ(record.time_ns, 1'000'000'000'005U);
  const Backend* backend = snapshot.owner(Target{record.target});
  ASSERT_NE(backend, nullptr);
  EXPECT_EQ(backend->name, "b" + std::to_string(outcome.backend()));
}

TEST(Capture, TellsNewKnownAndMovedFlows) {
  const Config config = test::sample_config();
  const Snapshot before = test::compiled(config);
  CapturingRig rig({});
  rig.send(before, client);
  const unsigned backend = rig.send(before, FrameSpec{}).backend();
  Health health;
  Config checked = config;
  checked.services[0].health.type = ProbeType::tcp;
  for (unsigned i = 1; i <= config.services[0].backends.size(); ++i)
    health.entries.push_back(
        {"web", "b" + std::to_string(i), i == backend ? TargetState::down : TargetState::up});
  const Snapshot after = test::compiled(checked, health, &before);
  rig.send(after, FrameSpec{});
  const auto packets = packets_of(rig.take());
  ASSERT_EQ(packets.size(), 3U);
  EXPECT_EQ(packets[0].record.lookup, FlowLookup::miss);
  EXPECT_EQ(packets[1].record.lookup, FlowLookup::hit);
  EXPECT_EQ(packets[2].record.lookup, FlowLookup::moved);
}

TEST(Capture, TellsWhoseAnswerItIs) {
  const Snapshot snapshot = test::compiled(test::sample_config({.forward = Forward::nat}));
  CapturingRig rig({});
  const Outcome outcome = rig.send(snapshot, client);
  ParsedPacket sent;
  ASSERT_EQ(parse(outcome.frame, sent), Verdict::none);
  rig.send(snapshot, with([&](FrameSpec& it) {
             it.source = sent.destination;
             it.destination = sent.source;
             it.source_port = Port::from_be(sent.destination_port).value();
             it.destination_port = Port::from_be(sent.source_port).value();
           }));
  const auto packets = packets_of(rig.take());
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[1].record.verdict, Verdict::sent_nat_return);
  EXPECT_EQ(packets[1].record.lookup, FlowLookup::hit);
  EXPECT_EQ(packets[1].record.target, packets[0].record.target);
  EXPECT_EQ(packets[1].record.listener, packets[0].record.listener);
}

TEST(Capture, HoldsDropsWithoutABackend) {
  Config config = test::sample_config();
  for (BackendConfig& backend : config.services[0].backends) backend.weight = 0;
  const Snapshot snapshot = test::compiled(config);
  CapturingRig rig({.with_sent = true});
  rig.send(snapshot, client);
  rig.send(snapshot, with([](FrameSpec& it) { it.destination_port = 81; }));
  const auto packets = packets_of(rig.take());
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[0].record.verdict, Verdict::drop_no_backend);
  EXPECT_EQ(packets[0].record.listener, 0);
  EXPECT_EQ(packets[0].record.target, no_target.bits);
  EXPECT_EQ(packets[0].record.out_length, 0);
  EXPECT_TRUE(packets[0].out.empty());
  EXPECT_EQ(packets[1].record.verdict, Verdict::drop_no_listener);
  EXPECT_EQ(packets[1].record.listener, no_listener);
}

TEST(Capture, TakesOnlyWhatTheFilterTakes) {
  const Snapshot snapshot = test::compiled(test::sample_config());
  // The low byte of the TCP source port of an IPv4 packet without options.
  CapturingRig rig({.program = {{0x30, 0, 0, 35}, {0x15, 0, 1, 7}, {6, 0, 0, 1}, {6, 0, 0, 0}}});
  for (std::uint16_t port = 1'024; port < 1'024 + 512; ++port)
    rig.send(snapshot, with([&](FrameSpec& it) { it.source_port = port; }));
  const auto packets = packets_of(rig.take());
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[0].in[34], 4);
  EXPECT_EQ(packets[1].in[34], 5);
}

TEST(Capture, CutsFrames) {
  const Snapshot snapshot = test::compiled(test::sample_config());
  CapturingRig rig({.snaplen = 20, .with_sent = true});
  const Outcome outcome = rig.send(snapshot, with([](FrameSpec& it) { it.data_bytes = 1'000; }));
  const auto packets = packets_of(rig.take());
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(packets[0].in.size(), 20U);
  EXPECT_EQ(packets[0].out, Bytes(outcome.frame.begin(), outcome.frame.begin() + 20));
  EXPECT_EQ(packets[0].record.out_length, outcome.frame.size());
}

TEST(Capture, EndsWithItsPackets) {
  const Snapshot snapshot = test::compiled(test::sample_config());
  CapturingRig rig({.packets = 3});
  for (int i = 0; i < 2; ++i) rig.send(snapshot, client);
  EXPECT_FALSE(rig.take().ended);
  for (int i = 0; i < 2; ++i) rig.send(snapshot, client);
  const CapturePiece last = rig.take();
  EXPECT_TRUE(last.ended);
  EXPECT_FALSE(last.failed);
  EXPECT_EQ(packets_of(last).size(), 1U);
}

TEST(Capture, EndsWithItsTime) {
  const Snapshot snapshot = test::compiled(test::sample_config());
  CapturingRig rig({.seconds = 2});
  rig.send(snapshot, client);
  EXPECT_FALSE(rig.take(1s).ended);
  rig.send(snapshot, client);
  const CapturePiece last = rig.take(2s);
  EXPECT_TRUE(last.ended);
  EXPECT_EQ(packets_of(last).size(), 1U);
}

// A full ring costs the capture packets, and the traffic nothing.
TEST(Capture, CountsWhatHasNoRoom) {
  const Snapshot snapshot = test::compiled(test::sample_config());
  CapturingRig rig({}, 4'096);
  constexpr int sent = 100;
  for (int i = 0; i < sent; ++i) EXPECT_EQ(rig.send(snapshot, client).verdict, Verdict::sent_ipip);
  const CapturePiece piece = rig.take();
  const auto packets = packets_of(piece);
  EXPECT_GT(packets.size(), 10U);
  EXPECT_EQ(packets.size() + piece.dropped, std::size_t{sent});
  rig.send(snapshot, client);
  EXPECT_EQ(packets_of(rig.take()).size(), 1U);
}

TEST(Capture, IsOffWithoutATap) {
  const Snapshot snapshot = test::compiled(test::sample_config());
  CapturingRig rig({});
  rig.rig().set_tap(nullptr);
  rig.send(snapshot, client);
  EXPECT_TRUE(rig.take().records.empty());
}

TEST(Capture, RefusesWhatCannotBe) {
  const auto make = [](const CaptureRequest& request) {
    return CaptureSession::make(request, {.workers = 1, .ring_bytes = ring_bytes}, start)
        .has_value();
  };
  EXPECT_TRUE(make({}));
  EXPECT_FALSE(make({.packets = 0}));
  EXPECT_FALSE(make({.packets = capture_packets_max + 1}));
  EXPECT_FALSE(make({.seconds = 0}));
  EXPECT_FALSE(make({.seconds = capture_seconds_max + 1}));
  EXPECT_FALSE(make({.snaplen = 13}));
  EXPECT_FALSE(make({.snaplen = 65'536}));
  EXPECT_FALSE(make({.program = {{0, 0, 0, 0}}}));
}

}  // namespace
}  // namespace sluice::dataplane
