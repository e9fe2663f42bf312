#include "dataplane/l4/affinity.h"

namespace sluice::dataplane {

const Backend* Affinity::find(const Snapshot& snapshot, const Service& service,
                              const Address& client) {
  const AffinityEntry::Key key = key_of(service, client);
  AffinityEntry* entry = table_.find(key, table_.hash(key));
  if (entry == nullptr || entry->is_expired(now_)) return nullptr;
  const Backend* backend = snapshot.owner(Target{entry->target});
  const bool takes_flows = backend != nullptr && &snapshot.services[backend->service] == &service &&
                           backend->keeps_flows && !backend->drained && backend->weight > 0;
  if (!takes_flows) return nullptr;
  entry->last_seen = now_;
  return backend;
}

void Affinity::remember(const Service& service, const Address& client, const Backend& backend) {
  const AffinityEntry::Key key = key_of(service, client);
  const std::uint64_t hash = table_.hash(key);
  AffinityEntry* entry = table_.find(key, hash);
  if (entry == nullptr)
    entry = table_.insert(
        hash, [this](const AffinityEntry& other) { return other.is_expired(now_); },
        [](const AffinityEntry&) {});
  if (entry == nullptr) {
    ++counters_.affinity_full;
    return;
  }
  *entry = {.bits = key,
            .target = backend.target.bits,
            .last_seen = now_,
            .timeout_seconds =
                static_cast<std::uint16_t>(service.choosing.affinity_seconds)};  // 8 h at most
}

void Affinity::age(std::size_t buckets, std::size_t of) {
  const std::size_t due = table_.bucket_count() * buckets / of + 1;
  sweep_ = table_.sweep(sweep_, due, [this](AffinityEntry& entry) {
    if (entry.is_expired(now_)) table_.clear(entry);
  });
}

}  // namespace sluice::dataplane
