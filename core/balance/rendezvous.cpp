#include "core/balance/rendezvous.h"

#include <algorithm>
#include <unordered_map>

#include "core/balance/identity.h"
#include "core/balance/negative_log.h"

namespace sluice {
namespace {

// Claims are sifted in units of 2^-48, which leaves sixteen bits for a weight.
constexpr unsigned sieve_bits = 48;
constexpr unsigned cost_bits = 58;  // negative_log's

std::uint64_t key_of_slot(std::uint32_t slot) {
  return mix64(0x9e3779b97f4a7c15ULL * (slot + 1ULL));
}

std::uint64_t hash_of(const RendezvousClaim& claim, std::uint64_t slot_key) {
  const auto product = static_cast<detail::Wide>(slot_key ^ claim.key) * claim.multiplier;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// The best claim to one slot so far. Challengers are first measured by 1 - hash, which is never
// more than -ln(hash): of many, only a few need the logarithm.
class Leader {
 public:
  explicit Leader(std::uint64_t slot_key) : slot_key_(slot_key) {}

  void challenge(const RendezvousClaim& claim) {
    const std::uint64_t hash = hash_of(claim, slot_key_);
    if (~hash >> (64 - sieve_bits) >= reach_ * claim.weight) return;
    const std::uint64_t cost = negative_log(hash);
    if (claim_ != nullptr && !is_better(claim, cost)) return;
    claim_ = &claim;
    cost_ = cost;
    reach_ = std::min((cost >> (cost_bits - sieve_bits)) / claim.weight + 2, reach_max);
  }
  [[nodiscard]] const RendezvousClaim* claim() const { return claim_; }

 private:
  static constexpr std::uint64_t reach_max = std::uint64_t{1} << sieve_bits;

  // cost / weight without the division. Equal ones are told apart by key, on every machine alike.
  [[nodiscard]] bool is_better(const RendezvousClaim& claim, std::uint64_t cost) const {
    const auto theirs = static_cast<detail::Wide>(cost) * claim_->weight;
    const auto ours = static_cast<detail::Wide>(cost_) * claim.weight;
    return theirs != ours ? theirs < ours : claim.key < claim_->key;
  }

  std::uint64_t slot_key_;
  const RendezvousClaim* claim_ = nullptr;
  std::uint64_t cost_ = 0;
  // (1 - hash) / weight from which on no claim can lead, rounded up, in units of 2^-48.
  std::uint64_t reach_ = reach_max;
};

std::uint32_t owner_of(std::span<const RendezvousClaim> claims, std::uint32_t slot) {
  Leader leader(key_of_slot(slot));
  for (const RendezvousClaim& claim : claims) leader.challenge(claim);
  return leader.claim()->number;
}

// What a change of claims means for the slots of one owner.
struct Succession {
  const RendezvousClaim* heir = nullptr;  // the owner's claim now, as good as before or better
};

// By number before the change. An owner that is gone or weaker has no heir: its slots are open to
// all.
std::vector<Succession> successions(std::span<const RendezvousClaim> before,
                                    std::span<const RendezvousClaim> after) {
  std::unordered_map<std::uint64_t, const RendezvousClaim*> by_key;
  for (const RendezvousClaim& claim : after) by_key[claim.key] = &claim;
  std::vector<Succession> out;
  for (const RendezvousClaim& claim : before) {
    if (claim.number >= out.size()) out.resize(claim.number + 1ULL);
    const auto it = by_key.find(claim.key);
    if (it != by_key.end() && it->second->weight >= claim.weight)
      out[claim.number].heir = it->second;
  }
  return out;
}

// The claims that may take slots from others: new ones, and those with more weight.
std::vector<RendezvousClaim> stronger_claims(std::span<const RendezvousClaim> before,
                                             std::span<const RendezvousClaim> after) {
  std::unordered_map<std::uint64_t, std::uint32_t> weights;
  for (const RendezvousClaim& claim : before) weights[claim.key] = claim.weight;
  std::vector<RendezvousClaim> out;
  for (const RendezvousClaim& claim : after) {
    const auto it = weights.find(claim.key);
    if (it == weights.end() || it->second < claim.weight) out.push_back(claim);
  }
  return out;
}

}  // namespace

std::vector<RendezvousClaim> make_claims(std::span<const SlotCandidate> candidates) {
  std::vector<RendezvousClaim> out;
  for (const SlotCandidate& candidate : candidates)
    if (candidate.weight > 0)
      out.push_back({.key = hash_identity(candidate.identity, 3),
                     .multiplier = hash_identity(candidate.identity, 4) | 1,
                     .weight = candidate.weight,
                     .number = candidate.number});
  return out;
}

SlotTable build_rendezvous(std::span<const RendezvousClaim> claims, std::uint32_t slot_count) {
  if (claims.empty()) return {};
  std::vector<std::uint32_t> owners(slot_count);
  for (std::uint32_t slot = 0; slot < slot_count; ++slot) owners[slot] = owner_of(claims, slot);
  return SlotTable(std::move(owners));
}

SlotTable update_rendezvous(const SlotTable& slots, std::span<const RendezvousClaim> before,
                            std::span<const RendezvousClaim> after) {
  if (after.empty()) return {};
  const std::vector<Succession> heirs = successions(before, after);
  const std::vector<RendezvousClaim> stronger = stronger_claims(before, after);
  std::vector<std::uint32_t> owners(slots.size());
  for (std::uint32_t slot = 0; slot < slots.size(); ++slot) {
    const RendezvousClaim* heir = heirs[slots.owner(slot)].heir;
    if (heir == nullptr) {
      owners[slot] = owner_of(after, slot);
    } else if (stronger.empty()) {
      owners[slot] = heir->number;
    } else {
      Leader leader(key_of_slot(slot));
      leader.challenge(*heir);
      for (const RendezvousClaim& claim : stronger) leader.challenge(claim);
      owners[slot] = leader.claim()->number;
    }
  }
  return SlotTable(std::move(owners));
}

std::optional<std::uint32_t> runner_up(std::span<const RendezvousClaim> claims,
                                       std::uint32_t slot) {
  if (claims.size() < 2) return std::nullopt;
  const std::uint32_t owner = owner_of(claims, slot);
  Leader leader(key_of_slot(slot));
  for (const RendezvousClaim& claim : claims)
    if (claim.number != owner) leader.challenge(claim);
  return leader.claim() == nullptr ? std::nullopt : std::optional(leader.claim()->number);
}

}  // namespace sluice
