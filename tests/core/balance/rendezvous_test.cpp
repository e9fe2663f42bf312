#include "core/balance/rendezvous.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "core/balance/identity.h"
#include "core/balance/negative_log.h"

namespace sluice {
namespace {

constexpr std::uint32_t slots_of_tests = 1U << 14;

std::vector<SlotCandidate> equal_candidates(std::uint32_t count) {
  std::vector<SlotCandidate> out;
  for (std::uint32_t i = 0; i < count; ++i) out.push_back({"web" + std::to_string(i), 1, i});
  return out;
}

SlotTable build(std::span<const SlotCandidate> candidates,
                std::uint32_t slot_count = slots_of_tests) {
  return build_rendezvous(make_claims(candidates), slot_count);
}

std::map<std::uint32_t, std::uint32_t> shares(const SlotTable& table) {
  std::map<std::uint32_t, std::uint32_t> out;
  for (const std::uint32_t owner : table.owners()) ++out[owner];
  return out;
}

bool equal(const SlotTable& a, const SlotTable& b) {
  return std::ranges::equal(a.owners(), b.owners());
}

// The claims to a slot from best to worst, by the definition and without any short cut.
std::vector<std::uint32_t> ranking(std::span<const RendezvousClaim> claims, std::uint32_t slot) {
  const std::uint64_t slot_key = mix64(0x9e3779b97f4a7c15ULL * (slot + 1ULL));
  const auto cost = [&](const RendezvousClaim& claim) {
    const auto product = static_cast<detail::Wide>(slot_key ^ claim.key) * claim.multiplier;
    return negative_log(static_cast<std::uint64_t>(product) ^
                        static_cast<std::uint64_t>(product >> 64));
  };
  std::vector<RendezvousClaim> order(claims.begin(), claims.end());
  std::ranges::sort(order, [&](const RendezvousClaim& a, const RendezvousClaim& b) {
    const auto left = static_cast<detail::Wide>(cost(a)) * b.weight;
    const auto right = static_cast<detail::Wide>(cost(b)) * a.weight;
    return left != right ? left < right : a.key < b.key;
  });
  std::vector<std::uint32_t> out;
  for (const RendezvousClaim& claim : order) out.push_back(claim.number);
  return out;
}

TEST(Rendezvous, EachSlotIsTheBestClaimsAndTheRunnerUpIsTheSecond) {
  std::mt19937_64 random(3);
  for (const std::uint32_t count : {2U, 3U, 17U, 300U}) {
    std::vector<SlotCandidate> candidates = equal_candidates(count);
    for (SlotCandidate& candidate : candidates)
      candidate.weight =
          random() % 4 == 0 ? 65'535 : 1 + static_cast<std::uint32_t>(random()) % 1'000;
    const auto claims = make_claims(candidates);
    const SlotTable table = build_rendezvous(claims, 1'024);
    for (std::uint32_t slot = 0; slot < table.size(); ++slot) {
      const auto order = ranking(claims, slot);
      ASSERT_EQ(table.owner(slot), order[0]);
      ASSERT_EQ(runner_up(claims, slot), order[1]);
    }
  }
  EXPECT_EQ(runner_up(make_claims(equal_candidates(1)), 7), std::nullopt);
  EXPECT_EQ(runner_up({}, 7), std::nullopt);
}

// Who takes over when the owner is not there.
TEST(Rendezvous, TheRunnerUpInheritsTheSlot) {
  const std::vector<SlotCandidate> all = equal_candidates(9);
  const auto claims = make_claims(all);
  const SlotTable table = build(all);
  for (std::uint32_t gone = 0; gone < all.size(); ++gone) {
    std::vector<SlotCandidate> rest = all;
    rest.erase(rest.begin() + gone);
    const SlotTable after = build(rest);
    for (std::uint32_t slot = 0; slot < table.size(); ++slot)
      ASSERT_EQ(after.owner(slot),
                table.owner(slot) == gone ? runner_up(claims, slot) : table.owner(slot));
  }
}

TEST(Rendezvous, OrderAndNumbersOfTheListDoNotMatter) {
  std::vector<SlotCandidate> candidates = equal_candidates(12);
  for (std::uint32_t i = 0; i < 12; ++i) candidates[i].weight = 1 + i;
  const SlotTable first = build(candidates);
  std::mt19937_64 random(18);
  for (int i = 0; i < 10; ++i) {
    std::ranges::shuffle(candidates, random);
    EXPECT_TRUE(equal(first, build(candidates)));
  }
  for (SlotCandidate& candidate : candidates) candidate.number += 1'000;
  const SlotTable renumbered = build(candidates);
  for (std::uint32_t slot = 0; slot < first.size(); ++slot)
    ASSERT_EQ(renumbered.owner(slot), first.owner(slot) + 1'000);
}

// Each share is binomial; five standard deviations.
TEST(Rendezvous, SharesFollowTheWeights) {
  const std::initializer_list<std::uint32_t> mixes[] = {
      {1, 1}, {1, 2, 3, 4}, {1'000, 1}, {7, 7, 7, 100}, {3, 999, 500, 500, 1}, {1, 65'535}};
  constexpr std::uint32_t slot_count = 1U << 18;
  for (const auto& weights : mixes) {
    std::vector<SlotCandidate> candidates =
        equal_candidates(static_cast<std::uint32_t>(weights.size()));
    double total = 0;
    for (std::uint32_t i = 0; i < weights.size(); ++i) {
      candidates[i].weight = weights.begin()[i];
      total += weights.begin()[i];
    }
    const auto owned = shares(build(candidates, slot_count));
    for (const SlotCandidate& candidate : candidates) {
      const double share = candidate.weight / total;
      const double got = owned.contains(candidate.number) ? owned.at(candidate.number) : 0;
      EXPECT_NEAR(got, slot_count * share, 5 * std::sqrt(slot_count * share * (1 - share)) + 1)
          << "weight " << candidate.weight << " of " << total;
    }
  }
}

// As many slots a backend as 100 have of the default 2^20: best and worst differ by five per cent
// or so.
TEST(Rendezvous, TenThousandSlotsEachBalanceWell) {
  const auto owned = shares(build(equal_candidates(25), 1U << 18));
  const auto [least, most] =
      std::ranges::minmax_element(owned, {}, [](const auto& share) { return share.second; });
  EXPECT_LT(most->second * 1.0 / least->second, 1.08);
}

TEST(Rendezvous, EmptyWithoutAClaim) {
  std::vector<SlotCandidate> none = equal_candidates(2);
  for (SlotCandidate& candidate : none) candidate.weight = 0;
  EXPECT_TRUE(build(none).empty());
  EXPECT_TRUE(build({}).empty());
  const auto claims = make_claims(equal_candidates(2));
  EXPECT_TRUE(update_rendezvous(build_rendezvous(claims, 1'024), claims, {}).empty());
}

// Adds, removes and reweights at random, one change or several at a time, with new numbers for
// some: the table made from the last one is the table made from nothing, and of a single change
// only the changed backend's slots move.
TEST(Rendezvous, AnUpdateIsTheTableFromScratchAndMovesOnlyWhatChanged) {
  std::mt19937_64 random(2'026);
  std::map<std::string, SlotCandidate> here;
  const auto draw_change = [&] {
    const std::string name = "web" + std::to_string(random() % 24);
    SlotCandidate& candidate = here[name];
    const bool is_new = candidate.identity.empty();
    candidate.identity = name;
    if (is_new || random() % 8 == 0)
      candidate.number = static_cast<std::uint32_t>(random() % 60'000);
    candidate.weight = static_cast<std::uint32_t>(1 + random() % 20);
    if (!is_new && here.size() > 1 && random() % 3 == 0) here.erase(name);
    return name;
  };
  draw_change();
  const auto list = [&] {
    std::vector<SlotCandidate> out;
    for (const auto& [name, candidate] : here) out.push_back(candidate);
    std::ranges::shuffle(out, random);
    return out;
  };
  auto claims = make_claims(list());
  SlotTable table = build_rendezvous(claims, slots_of_tests);
  for (int step = 0; step < 200; ++step) {
    const auto names_before = here;
    const std::string changed = draw_change();
    const bool is_single = step % 4 != 0;
    if (!is_single)
      for (int i = 0; i < 6; ++i) draw_change();
    const auto next_claims = make_claims(list());
    const SlotTable updated = update_rendezvous(table, claims, next_claims);
    ASSERT_TRUE(equal(updated, build_rendezvous(next_claims, slots_of_tests))) << "step " << step;
    if (is_single) {
      const auto numbers = [&](const auto& map) {
        const auto it = map.find(changed);
        return it == map.end() ? 0xffffffffU : it->second.number;
      };
      for (std::uint32_t slot = 0; slot < table.size(); ++slot)
        if (table.owner(slot) != updated.owner(slot)) {
          ASSERT_TRUE(table.owner(slot) == numbers(names_before) ||
                      updated.owner(slot) == numbers(here));
        }
    }
    claims = next_claims;
    table = updated;
  }
}

// Few backends of very different weights: a heavy one may own a slot that its hash is bad for, and
// a light one may take it.
TEST(Rendezvous, AnUpdateIsTheTableFromScratchWithAnyWeights) {
  std::mt19937_64 random(2'027);
  std::vector<SlotCandidate> candidates = equal_candidates(6);
  const auto draw = [&] {
    return static_cast<std::uint32_t>(random() % 3 == 0 ? 1 + random() % 65'535 : random() % 4);
  };
  auto claims = make_claims(candidates);
  SlotTable table = build_rendezvous(claims, slots_of_tests);
  for (int step = 0; step < 300; ++step) {
    for (std::size_t i = 0; i <= random() % 3; ++i) candidates[random() % 6].weight = draw();
    candidates[0].weight += candidates[0].weight == 0 ? 1 : 0;
    const auto next_claims = make_claims(candidates);
    const SlotTable updated = update_rendezvous(table, claims, next_claims);
    ASSERT_TRUE(equal(updated, build_rendezvous(next_claims, slots_of_tests))) << "step " << step;
    claims = next_claims;
    table = updated;
  }
}

// While a backend starts slowly all weights are counted in tenths. No slot moves for that.
TEST(Rendezvous, AnUpdateInOtherUnitsMovesOnlyWhatChanged) {
  std::vector<SlotCandidate> candidates = equal_candidates(20);
  for (std::uint32_t i = 0; i < 20; ++i) candidates[i].weight = 1 + i % 3;
  auto claims = make_claims(std::span(candidates).first(19));
  SlotTable table = build_rendezvous(claims, slots_of_tests);
  const auto step_to = [&](std::uint32_t unit, std::uint32_t tenths) {
    for (std::uint32_t i = 0; i < 20; ++i)
      candidates[i].weight = (1 + i % 3) * (i == 19 ? tenths : unit);
    const auto next_claims = make_claims(candidates);
    const SlotTable updated = update_rendezvous(table, claims, next_claims);
    EXPECT_TRUE(equal(updated, build_rendezvous(next_claims, slots_of_tests)));
    for (std::uint32_t slot = 0; slot < table.size(); ++slot)
      EXPECT_TRUE(updated.owner(slot) == table.owner(slot) ||
                  updated.owner(slot) == candidates[19].number);
    claims = next_claims;
    table = updated;
  };
  for (std::uint32_t tenths = 1; tenths < 10; ++tenths) step_to(10, tenths);
  step_to(1, 1);
}

// Fixed for ever: balancers of a cluster that run different versions must agree.
TEST(Rendezvous, IsTheSameTableOnEveryMachine) {
  std::vector<SlotCandidate> candidates = equal_candidates(40);
  for (std::uint32_t i = 0; i < 40; ++i) candidates[i].weight = 1 + i % 7;
  const SlotTable table = build(candidates, 1U << 16);
  std::uint64_t digest = 0;
  for (const std::uint32_t owner : table.owners()) digest = mix64(digest ^ owner);
  EXPECT_EQ(digest, 11619330639016068009ULL);
}

}  // namespace
}  // namespace sluice
