#include "core/balance/maglev.h"

#include <algorithm>
#include <vector>

#include "core/balance/identity.h"

namespace sluice {
namespace {

constexpr std::uint32_t unowned = 0xffffffff;

// A backend's walk through the slots: offset, offset + skip, ... modulo the size (section 3.4 of
// the paper).
struct Walker {
  std::uint32_t position = 0;
  std::uint32_t skip = 0;
  std::uint32_t weight = 0;
  std::uint32_t number = 0;
  std::uint64_t credit = 0;  // weight collected; one turn costs the largest weight

  void step(std::uint32_t size) {
    position += skip;  // both below size, which is below 2^31
    if (position >= size) position -= size;
  }
};

std::vector<Walker> make_walkers(std::span<const MaglevBackend> backends, std::uint32_t size) {
  std::vector<const MaglevBackend*> order;
  for (const MaglevBackend& backend : backends)
    if (backend.weight > 0) order.push_back(&backend);
  std::ranges::sort(order, {}, [](const MaglevBackend* backend) -> const std::string& {
    return backend->identity;
  });
  std::vector<Walker> out;
  out.reserve(order.size());
  for (const MaglevBackend* backend : order) {
    Walker walker;
    walker.position = static_cast<std::uint32_t>(hash_identity(backend->identity, 1) % size);
    walker.skip =
        size == 1
            ? 0
            : static_cast<std::uint32_t>(hash_identity(backend->identity, 2) % (size - 1) + 1);
    walker.weight = backend->weight;
    walker.number = backend->number;
    out.push_back(walker);
  }
  return out;
}

}  // namespace

SlotTable build_maglev(std::span<const MaglevBackend> backends, std::uint32_t slot_count) {
  std::vector<Walker> walkers = make_walkers(backends, slot_count);
  if (walkers.empty()) return {};
  const std::uint64_t turn_cost = std::ranges::max_element(walkers, {}, &Walker::weight)->weight;
  std::vector<std::uint32_t> owners(slot_count, unowned);
  std::uint32_t filled = 0;
  // Each round gives every backend its weight in credit; the heaviest takes a turn each round.
  while (filled < slot_count) {
    for (Walker& walker : walkers) {
      walker.credit += walker.weight;
      if (walker.credit < turn_cost) continue;
      walker.credit -= turn_cost;
      while (owners[walker.position] != unowned) walker.step(slot_count);
      owners[walker.position] = walker.number;
      walker.step(slot_count);
      if (++filled == slot_count) break;
    }
  }
  return SlotTable(std::move(owners));
}

bool is_prime(std::uint32_t number) {
  if (number < 2) return false;
  for (std::uint32_t divisor = 2; divisor <= number / divisor; ++divisor)
    if (number % divisor == 0) return false;
  return true;
}

}  // namespace sluice
