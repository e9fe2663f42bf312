// The whole packet path of one worker, from a received burst to frames ready to send: everything
// but the driver. Frames are written anew before each burst, outside the time that is taken.

#include "dataplane/l4/pipeline.h"

#include <algorithm>
#include <array>
#include <benchmark/benchmark.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/frames.h"
#include "bench/huge_memory.h"
#include "bench/stopwatch.h"
#include "core/config/compile.h"

namespace sluice::dataplane {
namespace {

constexpr std::size_t burst_max = 64;
constexpr std::size_t headroom_bytes = 128;
constexpr std::size_t backend_count = 16;
constexpr std::size_t source_count = 16;  // 16 sources, 16 servers: a million NAT sessions and more
constexpr BurstTime now{.now_ns = 1'000'000'000};

enum class Direction { forward, back };

struct Case {
  const char* name = "";
  Forward mode = Forward::ipip;
  Direction direction = Direction::forward;
  Family family = Family::ipv4;
  std::size_t flows = 0;
  std::size_t denied_prefixes = 0;  // none of which has a client
  bool limits = false;              // per source, which no client reaches
  friend bool operator==(const Case&, const Case&) = default;
};

Address numbered(const char* base, std::size_t number) {
  auto bytes = Address::parse(base)->bytes();
  for (std::size_t i = 0; i < 4; ++i)
    bytes[15 - i] = static_cast<std::uint8_t>(bytes[15 - i] + (number >> 8 * i & 0xff));
  return Address::from_bytes(bytes);
}

const char* of(Family family, const char* ipv4, const char* ipv6) {
  return family == Family::ipv4 ? ipv4 : ipv6;
}

void guard(Config& config, ServiceConfig& service, const Case& what) {
  std::mt19937_64 random(2);
  PrefixListConfig list;
  list.name = "bad";
  for (std::size_t i = 0; i < what.denied_prefixes; ++i) {
    // Among the clients' own addresses but for one bit, and anywhere.
    const auto number = static_cast<std::uint32_t>(random());
    const std::size_t last = number & 0xffff;
    const Address near = numbered(of(what.family, "198.20.0.0", "2001:db8:f::8000:0"), last);
    const Address far = what.family == Family::ipv4
                            ? Address::from_ipv4(Be32::from_host(number | 0xe0000000))
                            : numbered("2a00::", number);
    list.prefixes.push_back({i % 2 == 0 ? near : far,
                             static_cast<std::uint8_t>(what.family == Family::ipv4 ? 32 : 128)});
  }
  if (what.denied_prefixes > 0) {
    config.prefix_lists.push_back(list);
    service.deny = {*AccessItem::parse("@bad")};
  }
  if (what.limits) {
    service.source_packets_per_second = 100'000'000;
    service.source_packets_burst = 100'000'000;
    service.source_connections = 100;
    service.limit_netmask6 = 128;
  }
}

Snapshot make_snapshot(const Case& what) {
  Config config;
  config.ports.push_back({.name = "wan0",
                          .driver = Driver::vdev,
                          .device = "net_null0",
                          .queues = 1,
                          .kernel_tap = {}});
  ServiceConfig service;
  service.name = "web";
  service.vips = {*Address::parse(of(what.family, "203.0.113.10", "2001:db8::10"))};
  service.ports = {Port(80)};
  service.forward = what.mode;
  Paths paths;
  for (std::size_t i = 0; i < backend_count; ++i) {
    BackendConfig backend;
    backend.name = "web" + std::to_string(i);
    backend.address = numbered(of(what.family, "10.0.1.1", "2001:db8:1::1"), i);
    Path path;
    path.destination = path.next_hop = backend.address;
    path.port = "wan0";
    path.source_mac = MacAddress{{2, 0, 0, 0, 0, 1}};
    path.next_hop_mac = MacAddress{{2, 0, 0, 0, 1, static_cast<std::uint8_t>(i)}};
    path.source = numbered(of(what.family, "10.0.1.200", "2001:db8:1::200"), 0);
    paths.entries.push_back(path);
    service.backends.push_back(backend);
  }
  for (std::size_t i = 0; what.mode == Forward::nat && i < source_count; ++i)
    service.source_pool.push_back(numbered(of(what.family, "10.0.2.1", "2001:db8:2::1"), i));
  guard(config, service, what);
  config.services.push_back(service);
  auto snapshot = compile(config, {}, paths, nullptr);
  return snapshot ? std::move(*snapshot) : Snapshot{};
}

// A worker that knows all its flows, and packets of these in random order.
class Scene {
 public:
  explicit Scene(const Case& what)
      : what_(what),
        snapshot_(make_snapshot(what)),
        table_memory_(FlowMemory::size_bytes(what.flows)),
        counters_(std::make_unique<WorkerCounters>()),
        steering_(ReturnSteering::even(1)),
        pipeline_(FlowMemory::lay_out(table_memory_.bytes(), what.flows, 0, 0x5eed, 1), steering_,
                  *counters_, {.worker = 0, .workers = 1, .port_macs = {}}),
        frame_(what.family) {
    for (std::size_t i = 0; i < what.flows; ++i)
      tuples_.push_back(
          {.source = numbered(of(what.family, "198.18.0.0", "2001:db8:f::"), i / 8),
           .destination = *Address::parse(of(what.family, "203.0.113.10", "2001:db8::10")),
           .source_port = Port(static_cast<std::uint16_t>(1'024 + i % 8 * 7'000)),
           .destination_port = Port(80),
           .protocol = Protocol::tcp});
    learn();
    std::ranges::shuffle(tuples_, std::mt19937_64(1));
  }

  [[nodiscard]] const Case& what() const { return what_; }
  /// Flows that the worker remembers.
  [[nodiscard]] std::size_t known() const { return counters_->flows_inserted; }

  /// Writes the next `count` frames, without time being taken.
  std::span<Packet> restore(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      auto& buffer = buffers_[i];
      frame_.write(&buffer[headroom_bytes], tuples_[next_]);
      next_ = next_ + 1 == tuples_.size() ? 0 : next_ + 1;
      Packet& packet = packets_[i];
      packet.data = &buffer[headroom_bytes];
      packet.length_bytes = frame_.length_bytes();
      packet.headroom_bytes = headroom_bytes;
      packet.in_port = 0;
    }
    return {packets_.data(), count};
  }
  void process(std::span<Packet> burst) {
    pipeline_.process(snapshot_, burst, now);
    pipeline_.count_verdicts(burst);
  }
  /// The part of all packets so far that was sent on.
  [[nodiscard]] double sent_share() const {
    std::uint64_t all = 0;
    for (const std::uint64_t packets : counters_->verdicts) all += packets;
    const std::uint64_t sent_on = sent(Verdict::sent_ipip) + sent(Verdict::sent_gre) +
                                  sent(Verdict::sent_gue) + sent(Verdict::sent_l2dsr) +
                                  sent(Verdict::sent_nat) + sent(Verdict::sent_nat_return);
    return static_cast<double>(sent_on) / static_cast<double>(all);
  }

 private:
  [[nodiscard]] std::uint64_t sent(Verdict verdict) const {
    return counters_->verdicts[static_cast<std::size_t>(verdict)];
  }
  // One packet of each flow; for the way back, the tuples become those of the servers' answers.
  void learn() {
    for (FiveTuple& tuple : tuples_) {
      const auto burst = restore(1);
      process(burst);
      if (what_.direction == Direction::forward) continue;
      ParsedPacket out;
      if (parse({burst[0].data, burst[0].length_bytes}, out) != Verdict::none) continue;
      tuple = {.source = out.destination,
               .destination = out.source,
               .source_port = Port::from_be(out.destination_port),
               .destination_port = Port::from_be(out.source_port),
               .protocol = Protocol::tcp};
    }
  }

  Case what_;
  Snapshot snapshot_;
  bench::HugeMemory table_memory_;
  std::unique_ptr<WorkerCounters> counters_;
  ReturnSteering steering_;
  Pipeline pipeline_;
  bench::FrameTemplate frame_;
  std::vector<FiveTuple> tuples_;
  std::size_t next_ = 0;
  std::array<std::array<std::uint8_t, 256>, burst_max> buffers_{};
  std::array<Packet, burst_max> packets_{};
};

// Building a scene takes seconds, and the library asks for the same one several times in a row.
class Stage {
 public:
  Scene& scene(const Case& what) {
    if (scene_ == nullptr || scene_->what() != what) {
      scene_.reset();  // two would not fit in memory
      scene_ = std::make_unique<Scene>(what);
    }
    return *scene_;
  }

 private:
  std::unique_ptr<Scene> scene_;
};

// The figure is the median burst's: on a machine with other work, the mean is that work's.
void forward(benchmark::State& state, Stage& stage, const Case& what, std::size_t burst_size) {
  Scene& scene = stage.scene(what);
  bench::Stopwatch watch;
  std::vector<double> seconds;
  for (auto _ : state) {
    const std::span<Packet> burst = scene.restore(burst_size);
    watch.start();
    scene.process(burst);
    seconds.push_back(watch.stop());
    state.SetIterationTime(seconds.back());
  }
  // A flow for which the tables have no place is picked anew for each packet or, with NAT, dropped.
  const double known = static_cast<double>(scene.known()) / static_cast<double>(what.flows);
  if (known < 0.999 || scene.sent_share() < 0.999) {
    state.SkipWithError("not every packet was of a known flow and sent");
    return;
  }
  const auto median = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::ranges::nth_element(seconds, median);
  state.counters["ns_per_packet"] = *median * 1e9 / static_cast<double>(burst_size);
  state.counters["known"] = known;
  state.counters["Mpps"] = static_cast<double>(burst_size) / *median / 1e6;
}

void add(Stage& stage, const Case& what) {
  for (const std::size_t burst_size : {std::size_t{32}, std::size_t{64}}) {
    const std::string name =
        std::string(what.name) + (what.family == Family::ipv4 ? "/v4" : "/v6") +
        "/flows:" + std::to_string(what.flows) + "/burst:" + std::to_string(burst_size);
    benchmark::RegisterBenchmark(name.c_str(), [&stage, what, burst_size](benchmark::State& state) {
      forward(state, stage, what, burst_size);
    })->UseManualTime();
  }
}

void add_all(Stage& stage) {
  const std::array modes = {
      Case{.name = "ipip", .mode = Forward::ipip},
      Case{.name = "ipip_deny_10k", .mode = Forward::ipip, .denied_prefixes = 10'000},
      Case{.name = "ipip_limits", .mode = Forward::ipip, .limits = true},
      Case{.name = "l2dsr", .mode = Forward::l2dsr},
      Case{.name = "gre", .mode = Forward::gre},
      Case{.name = "gue", .mode = Forward::gue},
      Case{.name = "nat", .mode = Forward::nat},
      Case{.name = "nat_return", .mode = Forward::nat, .direction = Direction::back}};
  for (Case what : modes)
    for (const Family family : {Family::ipv4, Family::ipv6})
      for (const std::size_t flows :
           {std::size_t{1'000}, std::size_t{1'000'000}, std::size_t{10'000'000}}) {
        // Ten million NAT sessions would need more source addresses than a service has.
        if (flows > 1'000'000 && what.mode == Forward::nat) continue;
        what.family = family;
        what.flows = flows;
        add(stage, what);
      }
}

}  // namespace
}  // namespace sluice::dataplane

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  sluice::dataplane::Stage stage;
  sluice::dataplane::add_all(stage);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
