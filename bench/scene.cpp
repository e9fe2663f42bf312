#include "bench/scene.h"

#include <utility>

#include "core/config/compile.h"
#include "core/net/parse.h"

namespace sluice::bench {
namespace {

using dataplane::Packet;

// Of the flows that a table is made for; above that, one flow in a thousand finds no place.
constexpr std::uint64_t room_percent = 95;
// A table that has taken so many times the flows it is made for will not get full.
constexpr std::uint64_t fills_max = 8;
// Flows of each kind by which it is found out how many are remembered.
constexpr std::size_t looks = 5'000;

std::array<Snapshot, 2> make_snapshots(const SceneOptions& options) {
  Config config = make_config(options);
  const Paths paths = make_paths(config);
  std::array<Snapshot, 2> out;
  auto first = compile(config, {}, paths, nullptr);
  if (!first) return out;
  for (ServiceConfig& service : config.services) service.backends.front().weight = 2;
  auto second = compile(config, {}, paths, &*first);
  if (second) out = {std::move(*first), std::move(*second)};
  return out;
}

FrameTemplate known_frame(const SceneOptions& options) {
  return options.is_stateless
             ? FrameTemplate::udp(options.family)
             : FrameTemplate(options.direction == Direction::back && options.to_ipv4_servers
                                 ? Family::ipv4
                                 : options.family);
}

FrameTemplate fresh_frame(const SceneOptions& options) {
  return options.fresh_are_syns ? FrameTemplate(options.family, wire::TcpHeader::syn)
                                : known_frame(options);
}

std::size_t table_flows(const SceneOptions& options) {
  return options.table_flows != 0 ? options.table_flows : options.flows;
}

}  // namespace

Scene::Scene(const SceneOptions& options, std::uint64_t now_ns)
    : options_(options),
      now_ns_(now_ns),
      traffic_(options),
      snapshots_(make_snapshots(options)),
      table_memory_(dataplane::FlowMemory::size_bytes(table_flows(options))),
      counters_(std::make_unique<WorkerCounters>()),
      steering_(dataplane::ReturnSteering::even(1)),
      pipeline_(
          dataplane::FlowMemory::lay_out(table_memory_.bytes(), table_flows(options), 0, 0x5eed, 1),
          steering_, *counters_, {.worker = 0, .workers = 1, .port_macs = {}}),
      known_frame_(known_frame(options)),
      fresh_frame_(fresh_frame(options)) {
  learn();
  if (options_.has_full_table) fill_table();
}

Packet Scene::process_alone(const FrameTemplate& frame, const FiveTuple& tuple) {
  Packet packet;
  packet.data = &own_buffer_[headroom_bytes];
  packet.length_bytes = frame.length_bytes();
  packet.headroom_bytes = headroom_bytes;
  packet.in_port = 0;
  frame.write(packet.data, tuple);
  process({&packet, 1});
  return packet;
}

void Scene::learn() {
  if (options_.is_stateless) return;
  if (options_.direction == Direction::back) answers_.reserve(options_.flows);
  for (std::uint64_t number = 0; number < options_.flows; ++number)
    if (options_.direction == Direction::back)
      learn_back(number);
    else
      (void)process_alone(known_frame_, traffic_.tuple(number));
}

// Keeps what the server's answer to the flow is.
void Scene::learn_back(std::uint64_t number) {
  const Packet packet = process_alone(FrameTemplate(options_.family), traffic_.tuple(number));
  ParsedPacket out;
  if (parse({packet.data, packet.length_bytes}, out) != Verdict::none) return;
  answers_.push_back({.source = out.destination,
                      .destination = out.source,
                      .source_port = Port::from_be(out.destination_port),
                      .destination_port = Port::from_be(out.source_port),
                      .protocol = Protocol::tcp});
}

// SYNs until there is no place left: those that come then take the place of earlier ones.
void Scene::fill_table() {
  const std::uint64_t enough = table_flows(options_) / 16;
  const std::uint64_t fresh_max = table_flows(options_) * fills_max;
  while (counters_->flows_evicted + counters_->flow_table_full < enough && fresh_ < fresh_max)
    (void)process_alone(fresh_frame_, traffic_.tuple(options_.flows + fresh_++));
}

void Scene::write_frame(std::uint8_t* to) {
  fresh_due_ += options_.fresh_percent;
  if (fresh_due_ >= 100) {
    fresh_due_ -= 100;
    fresh_frame_.write(to, traffic_.tuple(options_.flows + fresh_++));
  } else if (answers_.empty()) {
    known_frame_.write(to, traffic_.tuple(numbers_.below(options_.flows)));
  } else {
    known_frame_.write(to, answers_[numbers_.below(answers_.size())]);
  }
}

void Scene::reload() { in_force_ = 1 - in_force_; }

double Scene::sent_share() const {
  std::uint64_t all = 0;
  std::uint64_t sent = 0;
  for (std::size_t i = 0; i < verdict_count; ++i) {
    all += counters_->verdicts[i];
    if (dataplane::exit_of(static_cast<Verdict>(i)) == dataplane::Exit::transmit)
      sent += counters_->verdicts[i];
  }
  return all == 0 ? 0 : static_cast<double>(sent) / static_cast<double>(all);
}

double Scene::remembered_share() {
  if (options_.is_stateless) return 1;
  std::size_t looked_at = 0;
  std::size_t hits = 0;
  const auto look_at = [&](const FiveTuple& tuple) {
    ++looked_at;
    if (process_alone(known_frame_, tuple).lookup == FlowLookup::hit) ++hits;
  };
  for (std::size_t i = 0; i < looks; ++i) {
    const std::size_t number = numbers_.below(options_.flows);
    look_at(answers_.empty() ? traffic_.tuple(number) : answers_[number]);
    if (fresh_ > 0 && !options_.fresh_are_syns)
      look_at(traffic_.tuple(options_.flows + numbers_.below(fresh_)));
  }
  return static_cast<double>(hits) / static_cast<double>(looked_at);
}

bool Scene::is_used_up() const {
  if (options_.is_stateless || options_.fresh_are_syns) return false;
  return options_.flows + fresh_ > table_flows(options_) / 100 * room_percent && fresh_ > 0;
}

}  // namespace sluice::bench
