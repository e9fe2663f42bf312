#include "tools/pktgen/sink.h"

#include <gtest/gtest.h>
#include <memory>
#include <vector>

#include "tests/tools/pktgen/sample_traffic.h"
#include "tools/pktgen/generator.h"

namespace sluice::pktgen {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(SequenceWindow, TellsOrderDuplicatesAndLateComers) {
  SequenceWindow window(64);
  window.begin(100);
  EXPECT_EQ(window.take(100), Arrival::in_order);
  EXPECT_EQ(window.take(101), Arrival::in_order);
  EXPECT_EQ(window.take(105), Arrival::in_order);
  EXPECT_EQ(window.take(105), Arrival::duplicate);
  EXPECT_EQ(window.take(103), Arrival::out_of_order);
  EXPECT_EQ(window.take(103), Arrival::duplicate);
  EXPECT_EQ(window.take(101), Arrival::duplicate);
  EXPECT_EQ(window.take(99), Arrival::stale);  // before the beginning
  EXPECT_EQ(window.take(160), Arrival::in_order);
  EXPECT_EQ(window.take(102), Arrival::out_of_order);
  EXPECT_EQ(window.take(168), Arrival::in_order);
  EXPECT_EQ(window.take(104), Arrival::stale);  // out of the window
  EXPECT_EQ(window.take(106), Arrival::out_of_order);
  EXPECT_EQ(window.span(), 69U);
}

TEST(SequenceWindow, WhatWasSeenAWindowAgoIsForgotten) {
  SequenceWindow window(128);
  window.begin(0);
  for (std::uint32_t i = 0; i < 128; ++i) EXPECT_EQ(window.take(i), Arrival::in_order);
  EXPECT_EQ(window.take(255), Arrival::in_order);  // 128 to 254 are missing
  for (std::uint32_t i = 254; i >= 128; --i) EXPECT_EQ(window.take(i), Arrival::out_of_order) << i;
  EXPECT_EQ(window.take(10'000), Arrival::in_order);  // more than a window further
  for (std::uint32_t i = 9'999; i > 9'872; --i) EXPECT_EQ(window.take(i), Arrival::out_of_order);
}

TEST(SequenceWindow, GoesOnOverTheEndOfTheLowerHalf) {
  SequenceWindow window(64);
  window.begin(0xffff'fffe);
  EXPECT_EQ(window.take(0xffff'fffe), Arrival::in_order);
  EXPECT_EQ(window.take(0), Arrival::in_order);
  EXPECT_EQ(window.last(), 0x1'0000'0000U);
  EXPECT_EQ(window.take(0xffff'ffff), Arrival::out_of_order);
  EXPECT_EQ(window.last(), 0xffff'ffffU);
  EXPECT_EQ(window.span(), 3U);
}

TEST(SequenceWindow, BeginsWithTheFirstWhenNobodySaysWhere) {
  SequenceWindow window(64);
  EXPECT_EQ(window.take(3'000'000'000), Arrival::in_order);
  EXPECT_EQ(window.take(3'000'000'001), Arrival::in_order);
  EXPECT_EQ(window.take(2'999'999'999), Arrival::stale);
  EXPECT_EQ(window.span(), 2U);
}

TEST(FlowOrder, OtherFlowsMayOvertake) {
  FlowOrder order(10, 0);
  EXPECT_TRUE(order.is_in_order(5));
  EXPECT_TRUE(order.is_in_order(3));   // another flow
  EXPECT_TRUE(order.is_in_order(25));  // the flow of 5, two rounds later
  EXPECT_FALSE(order.is_in_order(15));
  EXPECT_TRUE(order.is_in_order(13));
}

// A wire between a generator and a sink, which the tests disturb.
class Wire {
 public:
  explicit Wire(const Traffic& traffic)
      : generator_(traffic), sink_(std::make_unique<Sink>(traffic, true)) {
    sink_->begin(0, began_ns);
  }
  std::vector<Bytes> make(std::size_t count) {
    std::vector<Bytes> out;
    for (std::size_t i = 0; i < count; ++i) {
      Bytes frame(2'048);
      std::uint8_t* const frames[] = {frame.data()};
      std::uint16_t lengths[1];
      generator_.build(frames, lengths, sent_ns);
      frame.resize(lengths[0]);
      out.push_back(std::move(frame));
    }
    return out;
  }
  Sink& sink() { return *sink_; }

  static constexpr std::uint64_t began_ns = 500'000;
  static constexpr std::uint64_t sent_ns = 1'000'000;

 private:
  Generator generator_;
  std::unique_ptr<Sink> sink_;  // large
};

TEST(Sink, CountsWhatArrivesOnce) {
  Traffic traffic = sample_traffic(Family::ipv4, Protocol::udp);
  traffic.flows = 4;
  Wire wire(traffic);
  auto frames = wire.make(12);
  std::swap(frames[1], frames[2]);  // of two flows
  std::swap(frames[4], frames[8]);  // of one
  frames.push_back(frames[6]);
  frames.erase(frames.begin() + 10);  // lost
  frames.push_back(Bytes(60));        // foreign
  for (const Bytes& frame : frames) wire.sink().take(frame, Wire::sent_ns + 2'000);
  const SinkCounts& counts = wire.sink().counts();
  EXPECT_EQ(counts.packets, 11U);
  EXPECT_EQ(counts.bytes, 11U * 60);
  EXPECT_EQ(counts.duplicates, 1U);
  EXPECT_EQ(counts.foreign, 1U);
  EXPECT_EQ(counts.out_of_order, 5U);  // 1, and 5, 6, 7, 4 after 8
  EXPECT_EQ(counts.out_of_order_in_flow, 1U);
  EXPECT_EQ(counts.wrapped[0], 11U);
  EXPECT_EQ(wire.sink().latency().count(), 11U);
  EXPECT_EQ(wire.sink().latency().max_ns(), 2'000U);
}

TEST(Sink, PacketsOfEarlierTrialsAreStale) {
  Wire wire(sample_traffic(Family::ipv4, Protocol::tcp));
  const auto frames = wire.make(2);
  wire.sink().take(frames[0], Wire::sent_ns);
  wire.sink().begin(1, Wire::sent_ns + 1);
  wire.sink().take(frames[1], Wire::sent_ns + 2);
  EXPECT_EQ(wire.sink().counts().packets, 0U);
  EXPECT_EQ(wire.sink().counts().stale, 1U);
}

TEST(Sink, PacketsOfOtherStreamsAreForeign) {
  Traffic other = sample_traffic(Family::ipv4, Protocol::tcp);
  other.stream = 1;
  Wire wire(other);
  Sink sink(sample_traffic(Family::ipv4, Protocol::tcp), true);
  sink.begin(0, 0);
  sink.take(wire.make(1)[0], Wire::sent_ns);
  EXPECT_EQ(sink.counts().foreign, 1U);
}

TEST(Sink, AClockThatIsBehindGivesNoNegativeLatency) {
  Traffic traffic = sample_traffic(Family::ipv4, Protocol::tcp);
  Wire wire(traffic);
  Sink sink(traffic, false);
  sink.begin(std::nullopt, 0);
  sink.take(wire.make(1)[0], Wire::sent_ns - 10);
  EXPECT_EQ(sink.counts().packets, 1U);
  EXPECT_EQ(sink.latency().max_ns(), 0U);
}

TEST(Sink, MoreFlowsThanMemoryForThemAreNotFollowed) {
  Traffic traffic = sample_traffic(Family::ipv4, Protocol::tcp);
  traffic.flows = FlowOrder::flows_max + 1;
  EXPECT_FALSE(Sink(traffic, true).follows_flows());
}

}  // namespace
}  // namespace sluice::pktgen
