#include <gtest/gtest.h>
#include <map>
#include <set>

#include "core/net/wire.h"
#include "tests/dataplane/rig.h"

// Flows over time: who stays where, who moves, and who is forgotten.

namespace sluice::dataplane {
namespace {

using test::compiled;
using test::FrameSpec;
using test::ip;
using test::sample_config;
using wire::TcpHeader;

FrameSpec flow_frame(Family family, unsigned number, std::uint8_t tcp_flags = TcpHeader::ack) {
  FrameSpec spec;
  spec.source = ip(family == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::7");
  spec.destination = test::vip_of(family);
  spec.source_port = static_cast<std::uint16_t>(1'024 + number);
  spec.tcp_flags = tcp_flags;
  return spec;
}

Config checked_config(Forward forward, Family family, unsigned backends) {
  Config config = sample_config({.forward = forward,
                                 .vip_family = family,
                                 .backend_family = family,
                                 .backends = backends,
                                 .slots = 251});
  config.services[0].health.type = ProbeType::tcp;
  return config;
}

Health all_up(const Config& config) {
  Health out;
  for (const BackendConfig& backend : config.services[0].backends)
    out.entries.push_back({"web", backend.name, TargetState::up});
  return out;
}

// A service under random changes and its flows, beside a model of where each flow must be: it
// stays while its backend is there without a gap and is not down; else it goes where a flow without
// history would go, with nat after its client was told that the connection is over.
class Churn {
 public:
  Churn(Forward forward, Family family, std::uint64_t seed)
      : forward_(forward), family_(family), random_(seed) {
    change();
  }

  void change() {
    Config config = checked_config(forward_, family_, backends_max_here);
    auto& backends = config.services[0].backends;
    std::shuffle(backends.begin(), backends.end(), random_);
    backends.resize(2 + random_() % (backends.size() - 1));
    Health health;
    for (BackendConfig& backend : backends) {
      backend.weight = static_cast<std::uint16_t>(random_() % 8 == 0 ? 0 : 1 + random_() % 5);
      backend.drain = random_() % 6 == 0;
      health.entries.push_back(
          {"web", backend.name, random_() % 5 == 0 ? TargetState::down : TargetState::up});
    }
    snapshot_ = compiled(config, health, snapshot_ ? &*snapshot_ : nullptr);
    note_presence(backends, health);
  }

  void send_and_compare(unsigned flow) {
    const FrameSpec frame = flow_frame(family_, flow);
    now_seconds_ += 1e-3;  // resets have a limited rate
    Outcome out = rig_.send(*snapshot_, frame, now_seconds_);
    Home& home = homes_[flow];
    const bool stays =
        home.backend != 0 && presence_[home.backend] == home.presence && keeps_[home.backend];
    if (forward_ == Forward::nat && home.backend != 0 && !stays) {
      ASSERT_EQ(out.name(), "replied_reset");
      out = rig_.send(*snapshot_, frame, now_seconds_);
    }
    const unsigned expected = stays ? home.backend : fresh_choice(frame);
    if (expected == 0) {
      ASSERT_EQ(out.name(), "drop_no_backend");
    } else {
      ASSERT_EQ(exit_of(out.verdict), Exit::transmit) << out.name();
      ASSERT_EQ(out.backend(), expected) << (stays ? "a flow was moved" : "picked otherwise");
    }
    (stays ? stayed : picked) += 1;
    home = {expected, expected == 0 ? 0 : presence_[expected]};
  }

  int stayed = 0;
  int picked = 0;

 private:
  static constexpr unsigned backends_max_here = 8;
  struct Home {
    unsigned backend = 0;  // the N of its name; 0: none
    int presence = 0;
  };

  void note_presence(const std::vector<BackendConfig>& backends, const Health& health) {
    bool candidates = false;
    bool all_down = true;
    std::set<unsigned> here;
    for (std::size_t i = 0; i < backends.size(); ++i) {
      here.insert(backends[i].address.bytes()[15]);
      if (backends[i].drain || backends[i].weight == 0) continue;
      candidates = true;
      all_down = all_down && health.entries[i].state == TargetState::down;
    }
    for (unsigned number = 1; number <= backends_max_here; ++number)
      if (!here.contains(number)) ++presence_[number];  // whoever comes back is a new one
    for (std::size_t i = 0; i < backends.size(); ++i)
      keeps_[backends[i].address.bytes()[15]] =
          health.entries[i].state != TargetState::down || (candidates && all_down);
  }

  unsigned fresh_choice(const FrameSpec& frame) const {
    const Service& service = snapshot_->services[0];
    if (service.slots->empty()) return 0;
    const FiveTuple tuple{frame.source, frame.destination, Port(frame.source_port), Port(80),
                          Protocol::tcp};
    const std::uint32_t slot = service.slots->slot_of(hash_flow(tuple, snapshot_->hash_seed));
    return snapshot_->backend(BackendId{service.slots->owner(slot)}).address.bytes()[15];
  }

  Forward forward_;
  Family family_;
  std::mt19937_64 random_;
  Rig rig_;
  double now_seconds_ = 1'000;
  std::optional<Snapshot> snapshot_;
  std::map<unsigned, Home> homes_;
  std::map<unsigned, int> presence_;
  std::map<unsigned, bool> keeps_;
};

void run_churn(Forward forward, Family family) {
  Churn churn(forward, family, 32);
  std::mt19937_64 random(33);
  for (int change = 0; change < 1'500; ++change) {
    churn.change();
    for (unsigned flow = 0; flow < 40; ++flow) {
      if (random() % 3 == 0) continue;  // some flows sleep through several changes
      churn.send_and_compare(flow);
      if (testing::Test::HasFatalFailure()) FAIL() << "change " << change << ", flow " << flow;
    }
  }
  EXPECT_GT(churn.stayed, 5'000);
  EXPECT_GT(churn.picked, 2'000);
}

TEST(Flows, StayOverThousandsOfChangesIpip4) { run_churn(Forward::ipip, Family::ipv4); }
TEST(Flows, StayOverThousandsOfChangesIpip6) { run_churn(Forward::ipip, Family::ipv6); }
TEST(Flows, StayOverThousandsOfChangesGue4) { run_churn(Forward::gue, Family::ipv4); }
TEST(Flows, StayOverThousandsOfChangesGre6) { run_churn(Forward::gre, Family::ipv6); }
TEST(Flows, StayOverThousandsOfChangesL2dsr4) { run_churn(Forward::l2dsr, Family::ipv4); }
TEST(Flows, StayOverThousandsOfChangesNat4) { run_churn(Forward::nat, Family::ipv4); }
TEST(Flows, StayOverThousandsOfChangesNat6) { run_churn(Forward::nat, Family::ipv6); }

TEST(Flows, LeaveABackendThatIsDownAndOnlyThose) {
  Rig rig;
  const Config config = checked_config(Forward::ipip, Family::ipv4, 3);
  Health health = all_up(config);
  const Snapshot before = compiled(config, health);
  std::map<unsigned, unsigned> homes;
  for (unsigned flow = 0; flow < 300; ++flow)
    homes[flow] = rig.send(before, flow_frame(Family::ipv4, flow)).backend();
  health.entries[1].state = TargetState::down;
  const Snapshot after = compiled(config, health, &before);
  unsigned moved = 0;
  for (unsigned flow = 0; flow < 300; ++flow) {
    const unsigned now = rig.send(after, flow_frame(Family::ipv4, flow)).backend();
    EXPECT_NE(now, 2U);
    EXPECT_TRUE(homes[flow] == 2 || now == homes[flow]) << "flow " << flow;
    moved += now != homes[flow] ? 1 : 0;
    homes[flow] = now;
  }
  EXPECT_GT(moved, 50U);
  EXPECT_EQ(rig.counters().flows_repicked, moved);
  const Snapshot back = compiled(config, all_up(config), &after);
  for (unsigned flow = 0; flow < 300; ++flow)
    EXPECT_EQ(rig.send(back, flow_frame(Family::ipv4, flow)).backend(), homes[flow])
        << "the return of a backend moves nobody";
}

TEST(Flows, StayOnADrainedBackendAndNewOnesAvoidIt) {
  Rig rig;
  Config config = checked_config(Forward::ipip, Family::ipv4, 3);
  const Snapshot before = compiled(config, all_up(config));
  std::map<unsigned, unsigned> homes;
  for (unsigned flow = 0; flow < 300; ++flow)
    homes[flow] = rig.send(before, flow_frame(Family::ipv4, flow)).backend();
  config.services[0].backends[0].drain = true;
  const Snapshot after = compiled(config, all_up(config), &before);
  for (unsigned flow = 0; flow < 300; ++flow)
    EXPECT_EQ(rig.send(after, flow_frame(Family::ipv4, flow)).backend(), homes[flow]);
  for (unsigned flow = 300; flow < 600; ++flow)
    EXPECT_NE(rig.send(after, flow_frame(Family::ipv4, flow)).backend(), 1U);
}

TEST(Flows, OfAFullTableAreForwardedAllTheSame) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Rig rig({.flows_max = 64});
    const Snapshot snapshot =
        compiled(sample_config({.vip_family = family, .backend_family = family}));
    std::map<unsigned, unsigned> homes;
    for (unsigned flow = 0; flow < 2'000; ++flow) {
      const Outcome out = rig.send(snapshot, flow_frame(family, flow));
      ASSERT_EQ(out.name(), "sent_ipip") << "flow " << flow;
      homes[flow] = out.backend();
    }
    EXPECT_GT(rig.counters().flow_table_full, 1'000U);
    EXPECT_EQ(rig.counters().flows_inserted + rig.counters().flow_table_full, 2'000U);
    for (unsigned flow = 0; flow < 2'000; ++flow)
      ASSERT_EQ(rig.send(snapshot, flow_frame(family, flow)).backend(), homes[flow])
          << "without memory the slot decides, and it has not changed";
  }
}

TEST(Flows, HalfOpenOnesGiveWayToNewOnes) {
  Rig rig({.flows_max = 64});
  const Snapshot snapshot = compiled(sample_config());
  for (unsigned flow = 0; flow < 2'000; ++flow)
    (void)rig.send(snapshot, flow_frame(Family::ipv4, flow, TcpHeader::syn));
  EXPECT_EQ(rig.counters().flow_table_full, 0U) << "a SYN flood must not fill the table";
  EXPECT_GT(rig.counters().flows_evicted, 1'000U);
  const FrameSpec real = flow_frame(Family::ipv4, 5'000);
  (void)rig.send(snapshot, real);
  for (unsigned flow = 0; flow < 2'000; ++flow)
    (void)rig.send(snapshot, flow_frame(Family::ipv4, flow, TcpHeader::syn));
  EXPECT_TRUE(rig.flow(
      snapshot, {real.source, real.destination, Port(real.source_port), Port(80), Protocol::tcp}))
      << "an established flow was pushed out by a flood";
}

std::optional<FlowRecord> record_of(const Rig& rig, const Snapshot& snapshot,
                                    const FrameSpec& frame) {
  return rig.flow(snapshot, {frame.source, frame.destination, Port(frame.source_port), Port(80),
                             Protocol::tcp});
}

TEST(Flows, StatesFollowTheFlags) {
  Rig rig;
  const Snapshot snapshot = compiled(sample_config());
  const auto state_after = [&](std::uint8_t flags) {
    const FrameSpec frame = flow_frame(Family::ipv4, 1, flags);
    (void)rig.send(snapshot, frame);
    return record_of(rig, snapshot, frame)->state;
  };
  EXPECT_EQ(state_after(TcpHeader::syn), FlowState::opening);
  EXPECT_EQ(state_after(TcpHeader::syn), FlowState::opening) << "sent again";
  EXPECT_EQ(state_after(TcpHeader::ack), FlowState::established);
  EXPECT_EQ(state_after(TcpHeader::fin | TcpHeader::ack), FlowState::closing);
  EXPECT_EQ(state_after(TcpHeader::ack), FlowState::closing) << "the last ACK opens nothing";
  EXPECT_EQ(state_after(TcpHeader::syn), FlowState::opening) << "the port is used again";
  EXPECT_EQ(rig.counters().flows_inserted, 2U);
}

TEST(Flows, AResetOfAnUnknownFlowIsNotRemembered) {
  Rig rig;
  const Snapshot snapshot = compiled(sample_config());
  EXPECT_EQ(rig.send(snapshot, flow_frame(Family::ipv4, 1, TcpHeader::rst)).name(), "sent_ipip");
  EXPECT_FALSE(record_of(rig, snapshot, flow_frame(Family::ipv4, 1)));
  EXPECT_EQ(rig.counters().flows_inserted, 0U);
}

// Whether a flow that sent one packet with these flags is still known after so many seconds.
bool is_known_after(Family family, std::uint8_t flags, double seconds) {
  Rig rig;
  const Snapshot snapshot =
      compiled(sample_config({.vip_family = family, .backend_family = family}));
  const FrameSpec frame = flow_frame(family, 1, flags);
  (void)rig.send(snapshot, frame, 1'000);
  rig.age(snapshot, 1'000 + seconds);
  const bool known = record_of(rig, snapshot, frame).has_value();
  EXPECT_EQ(rig.counters().flows_expired, known ? 0U : 1U);
  return known;
}

TEST(Flows, AreForgottenByTheirStatesTimeOut) {
  struct Life {
    std::uint8_t flags;
    double seconds;
  };
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const Life life :
         {Life{TcpHeader::syn, 60}, Life{TcpHeader::fin, 60}, Life{TcpHeader::ack, 900}}) {
      EXPECT_TRUE(is_known_after(family, life.flags, life.seconds)) << "flags " << int{life.flags};
      EXPECT_FALSE(is_known_after(family, life.flags, life.seconds + 1))
          << "flags " << int{life.flags};
    }
}

TEST(Flows, AgeAcrossTheEndOfTheClock) {
  Rig rig;
  const Snapshot snapshot = compiled(sample_config());
  const FrameSpec frame = flow_frame(Family::ipv4, 1);
  (void)rig.send(snapshot, frame, 65'500);  // the tick wraps at 65,536
  rig.age(snapshot, 65'700);
  EXPECT_TRUE(record_of(rig, snapshot, frame));
  EXPECT_EQ(record_of(rig, snapshot, frame)->idle_seconds, 200);
  rig.age(snapshot, 66'500);
  EXPECT_FALSE(record_of(rig, snapshot, frame));
}

TEST(Flows, TrafficKeepsThemAlive) {
  Rig rig;
  Config config = sample_config();
  config.services[0].idle_timeout = std::chrono::seconds(40);
  const Snapshot snapshot = compiled(config);
  const FrameSpec frame = flow_frame(Family::ipv4, 1);
  for (double now = 1'000; now < 1'700; now += 35) {
    (void)rig.send(snapshot, frame, now);
    rig.age(snapshot, now + 34);
  }
  EXPECT_EQ(rig.counters().flows_inserted, 1U);
  rig.age(snapshot, 1'800);
  EXPECT_FALSE(record_of(rig, snapshot, frame));
}

TEST(Flows, AnExpiredEntryIsNotUsedBeforeTheSweepComes) {
  Rig rig;
  Config config = sample_config({.backends = 2});
  config.services[0].idle_timeout = std::chrono::seconds(10);
  const Snapshot snapshot = compiled(config);
  (void)rig.send(snapshot, flow_frame(Family::ipv4, 1), 1'000);
  (void)rig.send(snapshot, flow_frame(Family::ipv4, 1), 1'011);
  EXPECT_EQ(rig.counters().flows_inserted, 2U);
}

TEST(Flows, OfARemovedListenerAreForgotten) {
  Rig rig;
  Config config = sample_config();
  config.services[0].ports = {Port(80), Port(81)};
  const Snapshot before = compiled(config);
  (void)rig.send(before, flow_frame(Family::ipv4, 1), 1'000);
  config.services[0].ports = {Port(81)};
  const Snapshot after = compiled(config, {}, &before);
  rig.age(after, 1'050);
  EXPECT_EQ(rig.counters().flows_expired, 1U);
  EXPECT_EQ(rig.send(after, flow_frame(Family::ipv4, 1), 1'060).name(), "drop_no_listener");
}

TEST(Flows, ABurstIsDecidedInOrder) {
  Rig rig;
  const Snapshot snapshot = compiled(sample_config());
  std::vector<test::Bytes> frames;
  for (unsigned i = 0; i < 32; ++i) {
    frames.emplace_back(64);  // headroom
    const test::Bytes frame = test::build(flow_frame(Family::ipv4, i / 4));
    frames.back().insert(frames.back().end(), frame.begin(), frame.end());
  }
  std::vector<Packet> burst(frames.size());
  for (std::size_t i = 0; i < burst.size(); ++i) {
    burst[i].data = frames[i].data() + 64;
    burst[i].length_bytes = static_cast<std::uint16_t>(frames[i].size() - 64);
    burst[i].headroom_bytes = 64;
    burst[i].in_port = 0;
  }
  rig.pipeline().process(snapshot, burst, {1'000'000'000'000});
  for (std::size_t i = 0; i < burst.size(); ++i) {
    EXPECT_EQ(to_string(burst[i].verdict), "sent_ipip");
    EXPECT_EQ(burst[i].data[5], burst[i / 4 * 4].data[5]) << "packets of one flow part";
  }
  EXPECT_EQ(rig.counters().flows_inserted, 8U) << "one entry a flow, even within a burst";
}

}  // namespace
}  // namespace sluice::dataplane
