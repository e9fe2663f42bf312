#include "tools/replay/replay.h"

#include <algorithm>
#include <unistd.h>

#include "core/config/explain.h"
#include "core/flow/idle.h"
#include "core/net/parse.h"
#include "core/net/quic_packet.h"

namespace sluice::replay {
namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;
constexpr std::uint16_t headroom_bytes = 128;  // as DPDK leaves in front of a packet
constexpr std::size_t cache_line_bytes = 64;
constexpr std::uint64_t hash_seed = 0x5eed;  // of the flow table: the same in every run

// The pipeline visits its tables within this time and at most so many buckets in a step.
constexpr std::uint64_t age_round_ns = 30 * ns_per_second;
constexpr std::uint64_t age_step_buckets = 4'000;

std::uint64_t age_step_of(std::size_t buckets) {
  return std::clamp<std::uint64_t>(
      age_round_ns * age_step_buckets / std::max<std::size_t>(buckets, 1), ns_per_second / 1'000,
      age_round_ns / 2);
}

std::uint64_t all_aged_after(const Snapshot& snapshot) {
  std::uint64_t seconds = std::max(opening_timeout_seconds, closing_timeout_seconds);
  for (const Service& service : snapshot.services)
    seconds = std::max<std::uint64_t>(seconds, service.idle_timeout_seconds);
  return (seconds + 1) * ns_per_second + 2 * age_round_ns;
}

}  // namespace

std::expected<std::unique_ptr<Replay>, Error> Replay::make(Snapshot snapshot, Options options) {
  const std::size_t bytes = dataplane::FlowMemory::size_bytes(options.flows_max);
  // Zero, and not touched: what is not used costs nothing.
  Memory memory(std::calloc(1, bytes + cache_line_bytes));
  if (memory == nullptr)
    return std::unexpected(Error{"there is no memory for the flow table",
                                 std::to_string(bytes) + " bytes",
                                 "lower flows_max in a copy of the configuration"});
  void* begin = memory.get();
  std::size_t room = bytes + cache_line_bytes;
  std::align(cache_line_bytes, bytes, begin, room);
  const std::span flows(static_cast<std::uint8_t*>(begin), bytes);
  return std::unique_ptr<Replay>(
      new Replay(std::move(snapshot), options, std::move(memory), flows));
}

Replay::Replay(Snapshot snapshot, Options options, Memory memory, std::span<std::uint8_t> flows)
    : snapshot_(std::move(snapshot)),
      options_(options),
      memory_(std::move(memory)),
      flows_(flows),
      counters_(std::make_unique<WorkerCounters>()),
      steering_(dataplane::ReturnSteering::even(1)),
      layout_(dataplane::FlowMemory::lay_out(flows_, options_.flows_max, 0, hash_seed,
                                             static_cast<std::uint32_t>(getpid()))),
      pipeline_(layout_, steering_, *counters_, {}),
      view_(*FlowsView::open(flows_)),
      buffer_(headroom_bytes + frame_bytes_max),
      clock_ns_(ns_per_second),
      age_step_ns_(age_step_of(layout_.flows6.size())),
      all_aged_ns_(all_aged_after(snapshot_)) {}

void Replay::apply(Snapshot snapshot, PortIndex in_port) {
  snapshot_ = std::move(snapshot);
  options_.in_port = in_port;
  all_aged_ns_ = all_aged_after(snapshot_);
}

// A live worker ages its flows all the time; here all of the time since the last packet is made up
// for.
void Replay::advance(std::uint64_t time_ns) {
  const std::uint64_t last = last_time_ns_.value_or(time_ns);
  last_time_ns_ = std::max(last, time_ns);
  const std::uint64_t now = clock_ns_ + (*last_time_ns_ - last);
  const std::uint64_t until = std::min(now, clock_ns_ + all_aged_ns_);
  for (; clock_ns_ + age_step_ns_ < until; clock_ns_ += age_step_ns_)
    pipeline_.age(snapshot_, {clock_ns_ + age_step_ns_});
  clock_ns_ = now;
  pipeline_.age(snapshot_, {now});
}

std::optional<Replay::Flow> Replay::flow_of(std::span<const std::uint8_t> frame) const {
  ParsedPacket parsed;
  const Verdict verdict = parse(frame, parsed);
  const bool is_readable = verdict == Verdict::none || parsed.layer4 == Layer4::other;
  if (!is_readable || parsed.layer4 == Layer4::none || is_icmp_error(parsed)) return std::nullopt;
  const Protocol protocol{parsed.ip_protocol};
  const auto id =
      snapshot_.listener_of(parsed.destination, Port::from_be(parsed.destination_port), protocol);
  if (!id || (parsed.is_fragment && snapshot_.listener(*id).protocol != Protocol::any))
    return std::nullopt;
  return Flow{{parsed.source, parsed.destination, Port::from_be(parsed.source_port),
               Port::from_be(parsed.destination_port), protocol},
              static_cast<std::uint16_t>(*id),
              {},
              quic_header_of(frame, parsed),
              misses(),
              moves()};
}

Fate Replay::send(std::span<const std::uint8_t> frame, std::uint64_t number,
                  std::uint64_t time_ns) {
  advance(time_ns);
  return process(frame, number, false);
}

std::vector<NumberedFrame> Replay::take_ripe() {
  std::vector<NumberedFrame> out;
  for (const std::uint16_t slot : pipeline_.ripe_fragments({clock_ns_}))
    out.push_back(std::move(held_[slot]));
  return out;
}

Fate Replay::process(std::span<const std::uint8_t> frame, std::uint64_t number, bool has_waited) {
  std::ranges::copy(frame, buffer_.begin() + headroom_bytes);
  auto flow = flow_of(frame);
  if (flow) flow->known = entry_of(*flow);

  dataplane::Packet packet;
  packet.data = buffer_.data() + headroom_bytes;
  packet.length_bytes = static_cast<std::uint16_t>(frame.size());
  packet.headroom_bytes = headroom_bytes;
  packet.in_port = options_.in_port;
  packet.has_waited = has_waited;
  pipeline_.process(snapshot_, {&packet, 1}, {clock_ns_});
  pipeline_.count_verdicts({&packet, 1});

  if (dataplane::exit_of(packet.verdict) == dataplane::Exit::hold)
    held_[packet.hold_slot] = {number, {frame.begin(), frame.end()}};
  Fate fate{.verdict = packet.verdict, .service = {}, .backend = {}, .steps = {}, .sent = {}};
  if (dataplane::exit_of(packet.verdict) == dataplane::Exit::transmit)
    fate.sent = {packet.data, packet.length_bytes};
  if (flow) describe_flow(*flow, fate);
  if (packet.verdict == Verdict::sent_nat_return) describe_return(packet, fate);
  fate.steps.emplace_back(describe(packet.verdict));
  return fate;
}

std::optional<FlowRecord> Replay::entry_of(const Flow& flow) const {
  return view_.find(flow.tuple, snapshot_.listeners[flow.listener], flow.listener);
}

FlowLookup Replay::lookup_of(const Flow& flow) const {
  if (flow.known && moves() != flow.moves) return FlowLookup::moved;
  // An entry that did not count, because it was too old or its connection closed, is written anew,
  // or cleared.
  const bool hit = flow.known && misses() == flow.misses && entry_of(flow).has_value();
  return hit ? FlowLookup::hit : FlowLookup::miss;
}

void Replay::describe_flow(const Flow& flow, Fate& fate) const {
  fate.lookup = lookup_of(flow);
  std::optional<Target> entry;
  if (flow.known && fate.lookup != FlowLookup::miss) entry = flow.known->target;
  if (flow.known && !entry)
    fate.steps.emplace_back("the flow table had an entry of a flow that is over: forgotten");
  // Of other services it would only be mentioned.
  const Service& service = snapshot_.services[snapshot_.listeners[flow.listener].service];
  const auto quic = service.quic != nullptr ? flow.quic : std::nullopt;
  Explanation why = explain(snapshot_, flow.tuple, entry, {}, quic);
  // A service that forwards in another way than before takes its flows anew too.
  if (fate.lookup == FlowLookup::moved && why.known_flow)
    why = explain(snapshot_, flow.tuple, std::nullopt, {}, quic);
  fate.service = service.name;
  if (why.backend) fate.backend = snapshot_.backend(*why.backend).name;
  // A choice that depends on what went before has been made by now, and is remembered.
  if (const auto now = view_.find(flow.tuple, flow.listener); now && !why.known_flow)
    if (const Backend* chosen = snapshot_.owner(now->target)) fate.backend = chosen->name;
  fate.steps.insert(fate.steps.end(), why.reasons.begin(), why.reasons.end());
}

// The session is gone from sight, but the translated packet still says whose it was.
void Replay::describe_return(const dataplane::Packet& packet, Fate& fate) const {
  ParsedPacket sent;
  if (parse(fate.sent, sent) != Verdict::none) return;
  const auto listener = snapshot_.listener_of(sent.source, Port::from_be(sent.source_port),
                                              Protocol{sent.ip_protocol});
  if (!listener) return;
  const Service& service = snapshot_.services[snapshot_.listener(*listener).service];
  fate.lookup = FlowLookup::hit;
  fate.service = service.name;
  for (const BackendId id : service.backends)
    if (snapshot_.backend(id).address == packet.parsed.source)
      fate.backend = snapshot_.backend(id).name;
}

}  // namespace sluice::replay
