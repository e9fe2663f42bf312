#include "core/contract/shared_view.h"

#include <algorithm>
#include <cstring>

namespace sluice {
namespace {

// A copy of one object at an offset, or nothing when it does not fit.
template <typename T>
std::optional<T> copy_at(std::span<const std::uint8_t> memory, std::uint64_t offset) {
  if (offset > memory.size() || memory.size() - offset < sizeof(T)) return std::nullopt;
  return load_unaligned<T>(memory.data() + offset);
}

// An exact listener says what its flows' keys leave out.
template <typename Entry>
FiveTuple tuple_of(const Entry& entry, const ListenerRecord& listener) {
  const FlowKey key = entry.flow_key();
  FiveTuple out{key.client, listener.vip, Port::from_be(key.client_port), Port(listener.port),
                listener.protocol};
  if constexpr (std::is_same_v<Entry, WideFlowEntry>) {
    out.destination = entry.vip;
    out.destination_port = Port::from_be(entry.vip_port);
    out.protocol = entry.protocol;
  }
  return out;
}

// Without any, the wide table is memory that nobody has touched: to read it would make it real.
bool has_wide_listener(const CountersSegment& directory) {
  return std::ranges::any_of(directory.listeners, [](const ListenerRecord& record) {
    return record.in_use != 0 && record.listening().is_wide();
  });
}

}  // namespace

std::optional<CountersView> CountersView::open(std::span<const std::uint8_t> memory) {
  if (memory.size() < sizeof(CountersSegment)) return std::nullopt;
  CountersView out;
  out.segment_ = reinterpret_cast<const CountersSegment*>(memory.data());
  out.memory_ = memory;
  if (out.segment_->magic != shared_memory_magic || out.segment_->version != shared_memory_version)
    return std::nullopt;
  out.workers_ = out.segment_->workers;
  if (out.workers_ > 64 || memory.size() < worker_counters_offset(out.workers_))
    return std::nullopt;
  return out;
}

const WorkerCounters& CountersView::worker(std::uint32_t index) const {
  return *reinterpret_cast<const WorkerCounters*>(memory_.data() + worker_counters_offset(index));
}

std::uint64_t CountersView::verdict(Verdict verdict) const {
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < workers(); ++i)
    sum += worker(i).verdicts[static_cast<std::size_t>(verdict)];
  return sum;
}

TrafficCounter CountersView::listener(std::uint16_t id) const {
  TrafficCounter sum;
  for (std::uint32_t i = 0; i < workers() && id < listeners_max; ++i) {
    sum.packets += worker(i).listeners[id].packets;
    sum.bytes += worker(i).listeners[id].bytes;
    sum.refused += worker(i).listeners[id].refused;
  }
  return sum;
}

BackendCounter CountersView::backend(std::uint32_t id) const {
  BackendCounter sum;
  for (std::uint32_t i = 0; i < workers() && id < backends_max; ++i) {
    sum.packets += worker(i).backends[id].packets;
    sum.bytes += worker(i).backends[id].bytes;
    sum.flows += worker(i).backends[id].flows;
    sum.active += worker(i).backends[id].active;
  }
  return sum;
}

std::optional<std::uint16_t> CountersView::find_listener(const Address& vip, Port port,
                                                         Protocol protocol) const {
  for (std::size_t i = 0; i < listeners_max; ++i) {
    const ListenerRecord& record = segment_->listeners[i];
    if (record.in_use != 0 && record.vip == vip && record.port == port.value() &&
        record.protocol == protocol)
      return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

std::optional<std::uint32_t> CountersView::find_backend(std::string_view service,
                                                        std::string_view backend) const {
  for (std::size_t i = 0; i < backends_max; ++i) {
    const BackendRecord& record = segment_->backends[i];
    if (record.in_use != 0 && record.name.view() == backend && record.service.view() == service)
      return static_cast<std::uint32_t>(i);
  }
  return std::nullopt;
}

const BackendRecord* CountersView::owner(Target target) const {
  const auto index = static_cast<std::size_t>(target.backend());
  if (index >= backends_max) return nullptr;
  const BackendRecord& record = segment_->backends[index];
  return record.in_use != 0 && record.target == target.bits ? &record : nullptr;
}

std::optional<FlowsView> FlowsView::open(std::span<const std::uint8_t> memory) {
  const auto header = copy_at<FlowsSegment>(memory, 0);
  if (!header || header->magic != shared_memory_magic || header->version != shared_memory_version)
    return std::nullopt;
  FlowsView out;
  out.header_ = *header;
  out.memory_ = memory;
  return out;
}

template <typename Entry>
std::span<const typename ConnectionTable<Entry>::Bucket> FlowsView::table(
    std::uint64_t offset, std::uint64_t buckets) const {
  using Bucket = typename ConnectionTable<Entry>::Bucket;
  const bool fits = offset % alignof(Bucket) == 0 && offset <= memory_.size() &&
                    buckets <= (memory_.size() - offset) / sizeof(Bucket) &&
                    buckets >= 2;
  if (!fits) return {};
  return {reinterpret_cast<const Bucket*>(memory_.data() + offset), buckets};
}

std::optional<NatSession> FlowsView::session(std::uint32_t number) const {
  if (number >= header_.sessions_count) return std::nullopt;
  return copy_at<NatSession>(memory_, header_.sessions_offset + number * sizeof(NatSession));
}

FlowRecord FlowsView::describe(const FlowValue& value, const FiveTuple& tuple) const {
  FlowRecord out;
  out.tuple = tuple;
  out.state = value.state;
  out.target = {value.value};
  FlowTick last_seen = value.last_seen;
  if (value.is_nat != 0) {
    out.is_nat = true;
    const auto nat = session(value.value);
    out.target = {nat ? nat->target : 0xffffffff};
    if (nat) {
      out.state = nat->state;
      last_seen = nat->last_seen;
      out.nat_source.port = Port::from_be(nat->source_port);
    }
  }
  // The header's clock lives on in the mapping; the copy was taken when the view was opened.
  const auto now = reinterpret_cast<const FlowsSegment*>(memory_.data())->now;
  out.idle_seconds = static_cast<std::uint16_t>(now - last_seen);
  return out;
}

template <typename Entry>
std::optional<FlowRecord> FlowsView::find_in(std::uint64_t offset, std::uint64_t buckets,
                                             const typename Entry::Key& key,
                                             const FiveTuple& tuple) const {
  const auto memory = table<Entry>(offset, buckets);
  if (memory.empty()) return std::nullopt;
  using Bucket = typename ConnectionTable<Entry>::Bucket;
  // The table type is the writer's; `find` reads only.
  const ConnectionTable<Entry> view({const_cast<Bucket*>(memory.data()), memory.size()},
                                    header_.seed);
  const Entry* entry = view.find(key, view.hash(key));
  if (entry == nullptr) return std::nullopt;
  const Entry copy = *entry;
  if (copy.is_empty() || !copy.has_bits(key)) return std::nullopt;
  return describe(copy.flow, tuple);
}

std::optional<FlowRecord> FlowsView::find(const FiveTuple& tuple, std::uint16_t listener) const {
  const FlowKey key{tuple.source, tuple.source_port.be(), listener};
  return tuple.source.is_ipv4() ? find_in<FlowEntry4>(header_.flows4_offset, header_.flows4_buckets,
                                                      FlowEntry4::key_of(key), tuple)
                                : find_in<FlowEntry6>(header_.flows6_offset, header_.flows6_buckets,
                                                      FlowEntry6::key_of(key), tuple);
}

std::optional<FlowRecord> FlowsView::find_wide(const FiveTuple& tuple) const {
  const WideFlowEntry::Key key{tuple.source, tuple.destination, tuple.source_port.be(),
                               tuple.destination_port.be(), tuple.protocol};
  return find_in<WideFlowEntry>(header_.wide_offset, header_.wide_buckets, key, tuple);
}

template <typename Entry>
bool FlowsView::visit_table(std::uint64_t offset, std::uint64_t buckets, const CountersView& names,
                            const std::function<bool(const FlowRecord&)>& visit) const {
  for (const auto& bucket : table<Entry>(offset, buckets))
    for (const Entry& entry : bucket.entries) {
      const Entry copy = entry;
      if (copy.is_empty()) continue;
      const FlowKey key = copy.flow_key();
      if (key.listener >= listeners_max) continue;
      const ListenerRecord& listener = names.directory().listeners[key.listener];
      if (listener.in_use == 0) continue;
      FlowRecord record = describe(copy.flow, tuple_of(copy, listener));
      if (record.is_nat) {
        const auto nat = session(copy.flow.value);
        if (nat && nat->source < source_addresses_max)
          record.nat_source.address = names.directory().sources[nat->source];
      }
      if (!visit(record)) return false;
    }
  return true;
}

void FlowsView::for_each(const CountersView& names,
                         const std::function<bool(const FlowRecord&)>& visit) const {
  if (visit_table<FlowEntry4>(header_.flows4_offset, header_.flows4_buckets, names, visit) &&
      visit_table<FlowEntry6>(header_.flows6_offset, header_.flows6_buckets, names, visit) &&
      has_wide_listener(names.directory()))
    visit_table<WideFlowEntry>(header_.wide_offset, header_.wide_buckets, names, visit);
}

}  // namespace sluice
