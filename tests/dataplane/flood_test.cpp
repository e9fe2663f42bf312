#include <fstream>
#include <gtest/gtest.h>
#include <string>

#include "core/net/wire.h"
#include "tests/dataplane/rig.h"

// A flood of SYNs from forged clients against a table of a million flows.

namespace sluice::dataplane {
namespace {

using test::compiled;
using test::FrameSpec;
using test::ip;
using test::sample_config;
using wire::TcpHeader;

constexpr std::size_t flows_max = 1'000'000;

// Resident memory of this process, of what is its own and not a file's.
std::size_t resident_kibibytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "RssAnon:") {
      std::size_t out = 0;
      status >> out;
      return out;
    }
  return 0;
}

// SYNs by the burst, each from another client, without a frame being built anew.
class Flood {
 public:
  explicit Flood(Rig& rig) : rig_(rig) {
    FrameSpec spec;
    spec.tcp_flags = TcpHeader::syn;
    const test::Bytes frame = test::build(spec);
    for (auto& buffer : buffers_) {
      buffer.assign(headroom, 0);
      buffer.insert(buffer.end(), frame.begin(), frame.end());
    }
    packets_.resize(buffers_.size());
    frame_ = frame;
  }
  void send(const Snapshot& snapshot, std::size_t bursts, double now_seconds) {
    for (std::size_t b = 0; b < bursts; ++b) {
      for (std::size_t i = 0; i < packets_.size(); ++i) {
        auto& buffer = buffers_[i];
        std::ranges::copy(frame_, buffer.begin() + headroom);
        // The source address, 14 bytes of Ethernet and 12 of IPv4 into the frame; its checksum is
        // nobody's business here.
        const auto client = Be32::from_host(0x0b000000 + next_++);
        std::ranges::copy(client.bytes, buffer.begin() + headroom + 26);
        packets_[i] = {};
        packets_[i].data = buffer.data() + headroom;
        packets_[i].length_bytes = static_cast<std::uint16_t>(frame_.size());
        packets_[i].headroom_bytes = headroom;
        packets_[i].in_port = 0;
      }
      rig_.pipeline().process(snapshot, packets_, {static_cast<std::uint64_t>(now_seconds * 1e9)});
      rig_.pipeline().count_verdicts(packets_);
    }
  }

 private:
  static constexpr std::uint16_t headroom = 64;
  Rig& rig_;
  std::vector<test::Bytes> buffers_ = std::vector<test::Bytes>(64);
  std::vector<Packet> packets_;
  test::Bytes frame_;
  std::uint32_t next_ = 0;
};

void expect_handshakes(Rig& rig, const Snapshot& snapshot, Flood& flood, double now) {
  const FrameSpec base;
  for (unsigned i = 0; i < 200; ++i) {
    FrameSpec spec = base;
    spec.source = ip("198.51.100." + std::to_string(1 + i));
    spec.tcp_flags = TcpHeader::syn;
    const Outcome syn = rig.send(snapshot, spec, now);
    ASSERT_EQ(exit_of(syn.verdict), Exit::transmit) << syn.name();
    flood.send(snapshot, 4, now);  // 256 forged ones between SYN and ACK
    spec.tcp_flags = TcpHeader::ack;
    const Outcome ack = rig.send(snapshot, spec, now);
    ASSERT_EQ(exit_of(ack.verdict), Exit::transmit) << ack.name();
    ASSERT_EQ(ack.backend(), syn.backend());
    const FiveTuple tuple{spec.source, spec.destination, Port(spec.source_port), Port(80),
                          Protocol::tcp};
    const auto flow = rig.flow(snapshot, tuple);
    ASSERT_TRUE(flow) << "client " << i;
    EXPECT_EQ(flow->state, FlowState::established);
  }
}

TEST(SynFlood, RealClientsGetInAndMemoryDoesNotGrow) {
  for (const Forward forward : {Forward::ipip, Forward::nat}) {
    Rig rig({.flows_max = flows_max});
    Config config = sample_config({.forward = forward});
    // A source address has some 64,000 ports towards a server: enough of them for a full table.
    for (unsigned i = 1; forward == Forward::nat && i <= 16; ++i)
      config.services[0].source_pool.push_back(ip("10.0.2." + std::to_string(i)));
    const Snapshot snapshot = compiled(config);
    Flood flood(rig);
    flood.send(snapshot, 2 * flows_max / 64, 1'000);  // both tables are full of half-open flows now
    const std::uint64_t evicted = rig.counters().flows_evicted;
    EXPECT_GT(evicted, 0U);
    const std::size_t memory = resident_kibibytes();
    ASSERT_GT(memory, 0U);
    flood.send(snapshot, flows_max / 4 / 64, 1'001);
    expect_handshakes(rig, snapshot, flood, 1'002);
    EXPECT_LT(resident_kibibytes(), memory + 1'024) << "KiB";
    EXPECT_EQ(rig.counters().flow_table_full, 0U) << "none of the flood is established";
    EXPECT_EQ(rig.count(Verdict::drop_nat_table_full), 0U);
    EXPECT_GT(rig.counters().flows_evicted, evicted + flows_max / 8);
  }
}

}  // namespace
}  // namespace sluice::dataplane
