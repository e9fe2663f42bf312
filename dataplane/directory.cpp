#include "dataplane/directory.h"

#include <algorithm>
#include <atomic>

namespace sluice::dataplane {
namespace {

ListenerRecord record_of(const Listener& listener, const Snapshot& snapshot) {
  ListenerRecord out;
  if (!listener.in_use) return out;
  out.vip = listener.vip;
  out.port = listener.port.value();
  out.last_port = listener.last_port.value();
  out.prefix_bits = listener.prefix_bits;
  out.protocol = listener.protocol;
  out.in_use = 1;
  out.service.assign(snapshot.services[listener.service].name);
  return out;
}

BackendRecord record_of(const Backend& backend) {
  BackendRecord out;
  if (!backend.in_use) return out;
  out.address = backend.address;
  out.target = backend.target.bits;
  out.in_use = 1;
  out.service.assign(backend.service_name);
  out.name.assign(backend.name);
  return out;
}

}  // namespace

void write_directory(CountersSegment& segment, const Snapshot& snapshot,
                     std::uint64_t config_generation) {
  // A seqlock: odd while it changes. Readers pair with both fences by reading the sequence before
  // and after.
  std::atomic_ref sequence(segment.directory_sequence);
  sequence.fetch_add(1, std::memory_order_acq_rel);
  for (std::size_t i = 0; i < snapshot.listeners.size(); ++i)
    segment.listeners[i] = record_of(snapshot.listeners[i], snapshot);
  for (std::size_t i = 0; i < snapshot.backends.size(); ++i)
    segment.backends[i] = record_of(snapshot.backends[i]);
  std::ranges::copy(snapshot.sources, segment.sources.begin());
  segment.config_generation = config_generation;
  sequence.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace sluice::dataplane
