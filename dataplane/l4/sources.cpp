#include "dataplane/l4/sources.h"

#include <algorithm>

#include "dataplane/l4/gauge.h"

namespace sluice::dataplane {
namespace {

constexpr std::size_t buckets_counted_per_step = 64;

}  // namespace

Sources::Sources(const FlowMemory& memory, WorkerCounters& counters)
    : table_(memory.sources, memory.header->seed), counters_(counters) {}

void Sources::prefetch(Packet& packet) const {
  packet.source_tag = table_.tag_of(rules_of(packet.listener), packet.parsed.source);
  table_.prefetch(packet.source_tag);
}

bool Sources::admit(Packet& packet) {
  bool evicted = false;
  packet.source = table_.row_of(packet.source_tag, now_ns_, evicted);
  if (evicted) ++counters_.sources_evicted;
  if (packet.source == nullptr) {
    ++counters_.sources_untracked;
    return true;
  }
  const Rate& packets = rules_of(packet.listener).packets;
  if (!packets.is_limited()) return true;
  if (!packets.may_take(packet.source->packets_full_at_ns, now_ns_)) return false;
  packets.take(packet.source->packets_full_at_ns, now_ns_);
  return true;
}

bool Sources::may_connect(const Packet& packet) const {
  return packet.source == nullptr ||
         table_.may_connect(*packet.source, rules_of(packet.listener), now_ns_);
}

std::uint8_t Sources::connected(const Packet& packet) {
  const SourceRules& rules = rules_of(packet.listener);
  if (packet.source == nullptr || !rules.limit_connections()) return 0;
  table_.connected(*packet.source, rules, now_ns_);
  return table_.epoch();
}

// A listener that is gone has changed the epoch, so that its flows are not counted any more.
void Sources::disconnected(const FlowKey& flow, std::uint8_t counted_epoch) {
  if (counted_epoch != table_.epoch()) return;
  table_.disconnected(table_.tag_of(rules_of(flow.listener), flow.client), counted_epoch);
}

void Sources::age() {
  for (std::size_t i = 0; i < buckets_counted_per_step; ++i) {
    used_so_far_ += table_.used_in(sweep_, now_ns_);
    if (++sweep_ < table_.bucket_count()) continue;
    show_use(counters_, TableKind::sources, used_so_far_, table_.row_count());
    sweep_ = 0;
    used_so_far_ = 0;
  }
}

}  // namespace sluice::dataplane
