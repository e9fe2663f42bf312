#include "dataplane/l4/active_flows.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

#include "core/net/wire.h"
#include "tests/dataplane/rig.h"

// The gauge of active flows against a count of the tables, whatever happens.

namespace sluice::dataplane {
namespace {

using test::compiled;
using test::FrameSpec;
using test::ip;
using wire::TcpHeader;

class Churn {
 public:
  Churn(Forward forward, Family family, std::uint64_t seed)
      : forward_(forward), family_(family), random_(seed) {
    change();
  }

  void step() {
    const auto what = random_() % 100;
    if (what < 3) {
      change();
    } else if (what < 6) {
      now_seconds_ += static_cast<double>(random_() % 400);
      rig_.age(*snapshot_, now_seconds_);
    } else {
      send();
    }
  }

  void compare() const {
    const auto counted = rig_.count_active();
    for (std::uint32_t number = 0; number < snapshot_->backends.size(); ++number) {
      const auto it = counted.find(number);
      ASSERT_EQ(rig_.counters().backends[number].active, it == counted.end() ? 0 : it->second)
          << "backend " << number << " after " << sent_ << " packets";
    }
  }

  void empty_the_tables() {
    for (int i = 0; i < 4; ++i) rig_.age(*snapshot_, now_seconds_ += 4'000);
    EXPECT_TRUE(rig_.count_active().empty());
  }
  [[nodiscard]] const WorkerCounters& counters() const { return rig_.counters(); }

 private:
  // New backends and old ones, down, drained and gone, with and without the service's only port.
  void change() {
    Config config = test::sample_config({.forward = forward_,
                                         .vip_family = family_,
                                         .backend_family = family_,
                                         .backends = 8,
                                         .slots = 251});
    ServiceConfig& service = config.services[0];
    service.health.type = ProbeType::tcp;
    service.balance = random_() % 2 == 0 ? Balance::weighted_least_connection : Balance::maglev;
    std::shuffle(service.backends.begin(), service.backends.end(), random_);
    service.backends.resize(2 + random_() % 7);
    Health health;
    for (BackendConfig& backend : service.backends) {
      backend.max_connections =
          random_() % 3 == 0 ? 1 + static_cast<std::uint32_t>(random_()) % 9 : 0;
      backend.drain = random_() % 6 == 0;
      health.entries.push_back(
          {"web", backend.name, random_() % 5 == 0 ? TargetState::down : TargetState::up});
    }
    if (random_() % 6 == 0) service.ports = {Port(81)};
    snapshot_ = compiled(config, health, snapshot_ ? &*snapshot_ : nullptr);
  }

  void send() {
    constexpr std::uint8_t flags[] = {TcpHeader::syn, TcpHeader::syn, TcpHeader::ack,
                                      TcpHeader::ack, TcpHeader::fin, TcpHeader::rst};
    FrameSpec spec;
    spec.source = ip(family_ == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::7");
    spec.destination = test::vip_of(family_);
    spec.source_port = static_cast<std::uint16_t>(1'024 + random_() % 400);
    spec.tcp_flags = flags[random_() % std::size(flags)];
    const Outcome out = rig_.send(*snapshot_, spec, now_seconds_);
    ++sent_;
    if (out.verdict == Verdict::sent_nat && random_() % 2 == 0) answer(out);
  }

  // The server closes too, and its packets count for the session.
  void answer(const Outcome& out) {
    ParsedPacket packet;
    ASSERT_EQ(parse(out.frame, packet), Verdict::none);
    FrameSpec spec;
    spec.source = packet.destination;
    spec.destination = packet.source;
    spec.source_port = packet.destination_port.host();
    spec.destination_port = packet.source_port.host();
    spec.tcp_flags = random_() % 4 == 0 ? TcpHeader::fin : TcpHeader::ack;
    (void)rig_.send(*snapshot_, spec, now_seconds_);
  }

  Forward forward_;
  Family family_;
  std::mt19937_64 random_;
  Rig rig_{Rig::Options{.flows_max = 128}};
  std::optional<Snapshot> snapshot_;
  double now_seconds_ = 1'000;
  std::uint64_t sent_ = 0;
};

TEST(ActiveFlows, TheGaugeIsWhatTheTablesHold) {
  for (const Forward forward : {Forward::ipip, Forward::nat})
    for (const Family family : {Family::ipv4, Family::ipv6})
      for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE(std::string(spell(forward)) + " seed " + std::to_string(seed));
        Churn churn(forward, family, seed);
        for (int i = 0; i < 6'000; ++i) {
          churn.step();
          if (i % 10 == 0) churn.compare();
          if (testing::Test::HasFatalFailure()) return;
        }
        EXPECT_GT(churn.counters().flows_evicted, 0U);
        EXPECT_GT(churn.counters().flows_expired, 0U);
        EXPECT_GT(churn.counters().flows_repicked, 0U);
        churn.empty_the_tables();
        churn.compare();
      }
}

}  // namespace
}  // namespace sluice::dataplane
