#include "dataplane/l4/chooser.h"

#include <algorithm>

#include "core/config/next_choice.h"
#include "core/flow/entry.h"
#include "dataplane/l4/slots.h"

namespace sluice::dataplane {
namespace {

constexpr std::uint64_t ns_per_millisecond = 1'000'000;
// Up to here every backend is looked at for each flow; beyond, a list of the best is kept.
constexpr std::size_t exact_backends_max = 64;
// The list is good for a millisecond for each so many backends: making it takes a few per cent of
// that.
constexpr std::size_t backends_per_millisecond = 1'024;

// One backend's load: flows with the new one, for its weight.
struct Load {
  std::uint64_t flows = 0;
  std::uint32_t weight = 1;
  std::uint16_t share = 0;  // index into Service::shares

  // By cross-multiplication, so without rounding.
  friend bool operator<(const Load& a, const Load& b) {
    return static_cast<detail::Uint128>(a.flows) * b.weight <
           static_cast<detail::Uint128>(b.flows) * a.weight;
  }
};

Load load_of(const ActiveFlows& active, const Service& service, std::size_t share) {
  const SlotShare& candidate = service.shares[share];
  return {active.on(candidate.backend) + 1, candidate.weight, static_cast<std::uint16_t>(share)};
}

}  // namespace

Chooser::Chooser(const FlowMemory& memory, std::uint16_t worker, WorkerCounters& own,
                 const ActiveFlows& active)
    : worker_(worker), active_(active), affinity_(memory, own), pasts_(services_max) {}

const Backend* Chooser::choose(const Snapshot& snapshot, const Service& service,
                               const Packet& packet, Verdict& why) {
  why = Verdict::drop_no_backend;
  if (service.slots->empty()) return nullptr;
  const bool has_affinity = service.choosing.affinity_seconds > 0;
  const Backend* known =
      has_affinity ? affinity_.find(snapshot, service, packet.parsed.source) : nullptr;
  Past& past = past_of(service);
  const Backend* chosen = known != nullptr ? known : first_choice(snapshot, service, packet, past);
  if (service.choosing.has_limits && is_full(*chosen)) {
    chosen = next_choice(snapshot, service, packet, past);
    why = Verdict::drop_backends_full;
  }
  // A client whose backend is full comes back to it when it no longer is.
  if (has_affinity && known == nullptr && chosen != nullptr)
    affinity_.remember(service, packet.parsed.source, *chosen);
  return chosen;
}

Chooser::Past& Chooser::past_of(const Service& service) {
  Past& past = pasts_[service.number];
  if (past.service_hash == service.choosing.service_hash) return past;
  // Workers begin apart from each other, lest all give their first flows to the same backend.
  past = {.service_hash = service.choosing.service_hash,
          .cursor = static_cast<std::uint32_t>(mix64(worker_) >> 32)};
  return past;
}

const Backend* Chooser::first_choice(const Snapshot& snapshot, const Service& service,
                                     const Packet& packet, Past& past) {
  // The fragments of a datagram belong together, and nothing is remembered.
  if (service.choosing.one_packet && packet.parsed.is_fragment)
    return slot_backend(snapshot, service, packet);
  switch (service.choosing.balance) {
    case Balance::maglev:
    case Balance::rendezvous:
      break;
    case Balance::weighted_round_robin: {
      const SlotTable& turns = *service.choosing.turns;
      return &snapshot.backend(BackendId{turns.owner(past.cursor++ % turns.size())});
    }
    case Balance::weighted_least_connection:
      return least_loaded(snapshot, service, past);
  }
  return slot_backend(snapshot, service, packet);
}

// Exact among few backends; among many, exact among the candidates. Among equals it goes round.
const Backend* Chooser::least_loaded(const Snapshot& snapshot, const Service& service, Past& past) {
  const bool is_listed = service.shares.size() > exact_backends_max;
  if (is_listed && now_ns_ >= past.least_until_ns) find_candidates(service, past);
  const std::size_t count = is_listed ? past.candidate_count : service.shares.size();
  const Backend* best = nullptr;
  const Backend* best_of_full = nullptr;
  Load least;
  const std::uint32_t start = past.cursor++;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t place = (start + i) % count;
    // A list from before a change of the service may name one too many.
    const std::size_t share = is_listed ? past.candidates[place] % service.shares.size() : place;
    const Backend& backend = snapshot.backend(service.shares[share].backend);
    const Load load = load_of(active_, service, share);
    if (best != nullptr && !(load < least)) continue;
    if (backend.max_connections > 0 && load.flows > backend.max_connections) {
      best_of_full = &backend;
      continue;
    }
    best = &backend;
    least = load;
  }
  return best != nullptr ? best : best_of_full;
}

void Chooser::find_candidates(const Service& service, Past& past) {
  std::array<Load, Past::candidates_max> least;
  std::size_t count = 0;
  // From another place each time, so that among many equals all have their turn.
  const std::size_t size = service.shares.size();
  for (std::size_t i = 0; i < size; ++i) {
    const Load load = load_of(active_, service, (past.cursor + i) % size);
    if (count == least.size() && !(load < least.back())) continue;
    if (count < least.size()) ++count;
    std::size_t place = count - 1;
    for (; place > 0 && load < least[place - 1]; --place) least[place] = least[place - 1];
    least[place] = load;
  }
  for (std::size_t i = 0; i < count; ++i) past.candidates[i] = least[i].share;
  past.candidate_count = static_cast<std::uint8_t>(count);
  past.least_until_ns = now_ns_ + ns_per_millisecond * (1 + size / backends_per_millisecond);
}

// The first choice is full. When everybody is, new flows are refused for a millisecond without
// asking again, so that a flood costs no search for each packet.
const Backend* Chooser::next_choice(const Snapshot& snapshot, const Service& service,
                                    const Packet& packet, Past& past) {
  if (now_ns_ < past.full_until_ns) return nullptr;
  if (const SlotTable* turns = service.choosing.turns.get()) {
    for (std::uint32_t i = 0; i < next_slots_max; ++i) {
      const Backend& backend =
          snapshot.backend(BackendId{turns->owner(past.cursor++ % turns->size())});
      if (!is_full(backend)) return &backend;
    }
  }
  const Backend* next =
      sluice::next_choice(snapshot, service, slot_of_packet(snapshot, service, packet),
                          [this](const Backend& backend) { return is_full(backend); });
  if (next == nullptr) past.full_until_ns = now_ns_ + ns_per_millisecond;
  return next;
}

}  // namespace sluice::dataplane
