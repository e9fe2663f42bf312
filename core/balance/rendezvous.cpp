#include "core/balance/rendezvous.h"

#include <algorithm>
#include <compare>
#include <map>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

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

// 1 - hash, which is not more than -ln(hash), in units of 2^-48, rounded down.
std::uint64_t cost_min(std::uint64_t hash) { return ~hash >> (64 - sieve_bits); }

// The best claim to one slot so far. Challengers are first measured by 1 - hash, which is never
// more than -ln(hash): of many, only a few need the logarithm.
class Leader {
 public:
  explicit Leader(std::uint64_t slot_key) : slot_key_(slot_key) {}

  void challenge(const RendezvousClaim& claim) {
    const std::uint64_t hash = hash_of(claim, slot_key_);
    if (cost_min(hash) >= reach_ * claim.weight) return;
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

// Not less than -ln(hash), in the same units, of a hash of at least 1/2: for x = 1 - hash,
// x + x^2 is more than x + x^2/2 + x^3/3 ...
std::uint64_t cost_max(std::uint64_t hash) {
  const std::uint64_t x = cost_min(hash) + 1;
  return x + static_cast<std::uint64_t>(static_cast<detail::Wide>(x) * x >> sieve_bits) + 1;
}

// The owner of a slot among its heir and the claims that have become stronger. Hardly ever is one
// of those close enough for logarithms.
std::uint32_t winner(const RendezvousClaim& heir, std::span<const RendezvousClaim> stronger,
                     std::uint32_t slot) {
  const std::uint64_t slot_key = key_of_slot(slot);
  const std::uint64_t hash = hash_of(heir, slot_key);
  const std::uint64_t reach = cost_max(hash);
  const auto is_close = [&](const RendezvousClaim& claim) {
    return cost_min(hash_of(claim, slot_key)) * heir.weight <= reach * claim.weight;
  };
  if (hash >> 63 != 0 && std::ranges::none_of(stronger, is_close)) return heir.number;
  Leader leader(slot_key);
  leader.challenge(heir);
  for (const RendezvousClaim& claim : stronger) leader.challenge(claim);
  return leader.claim()->number;
}

// A claim before and after the change.
struct Pair {
  const RendezvousClaim* before = nullptr;
  const RendezvousClaim* after = nullptr;
};

std::vector<Pair> pairs_of(std::span<const RendezvousClaim> before,
                           std::span<const RendezvousClaim> after) {
  std::unordered_map<std::uint64_t, const RendezvousClaim*> by_key;
  for (const RendezvousClaim& claim : after) by_key[claim.key] = &claim;
  std::vector<Pair> out;
  for (const RendezvousClaim& claim : before)
    if (const auto it = by_key.find(claim.key); it != by_key.end())
      out.push_back({&claim, it->second});
  return out;
}

// Only the proportions of weights count. At the beginning and the end of a slow start all are
// counted in other units, and yet most stay what they were: what this turns the weights before
// into is what most of the weights after are.
struct Unit {
  std::uint32_t after = 1;
  std::uint32_t before = 1;
  friend auto operator<=>(const Unit&, const Unit&) = default;

  // Below zero: the claim lost weight.
  [[nodiscard]] std::int64_t gain(const Pair& pair) const {
    return static_cast<std::int64_t>(std::uint64_t{pair.after->weight} * before) -
           static_cast<std::int64_t>(std::uint64_t{pair.before->weight} * after);
  }
};

Unit common_unit(const std::vector<Pair>& pairs) {
  std::map<Unit, std::size_t> counts;
  for (const Pair& pair : pairs) {
    const std::uint32_t divisor = std::gcd(pair.after->weight, pair.before->weight);
    ++counts[{pair.after->weight / divisor, pair.before->weight / divisor}];
  }
  const auto most =
      std::ranges::max_element(counts, {}, [](const auto& each) { return each.second; });
  return most == counts.end() ? Unit{} : most->first;
}

// What a change means for the slots.
struct Succession {
  // By number before the change: the owner's claim now, where it is as good as before or better.
  // Null where the owner is gone or weaker: its slots are open to all.
  std::vector<const RendezvousClaim*> heirs;
  // Those that may take slots from others: new ones, and those with more weight.
  std::vector<RendezvousClaim> stronger;

  Succession(std::span<const RendezvousClaim> before, std::span<const RendezvousClaim> after) {
    const std::vector<Pair> pairs = pairs_of(before, after);
    const Unit unit = common_unit(pairs);
    for (const RendezvousClaim& claim : before)
      heirs.resize(std::max<std::size_t>(heirs.size(), claim.number + 1ULL));
    std::unordered_set<std::uint64_t> no_stronger;
    for (const Pair& pair : pairs) {
      const std::int64_t gain = unit.gain(pair);
      if (gain >= 0) heirs[pair.before->number] = pair.after;
      if (gain <= 0) no_stronger.insert(pair.after->key);
    }
    for (const RendezvousClaim& claim : after)
      if (!no_stronger.contains(claim.key)) stronger.push_back(claim);
  }
};

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
  const Succession change(before, after);
  std::vector<std::uint32_t> owners(slots.size());
  for (std::uint32_t slot = 0; slot < slots.size(); ++slot) {
    const RendezvousClaim* const heir = change.heirs[slots.owner(slot)];
    if (heir == nullptr)
      owners[slot] = owner_of(after, slot);
    else if (change.stronger.empty())
      owners[slot] = heir->number;
    else
      owners[slot] = winner(*heir, change.stronger, slot);
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
