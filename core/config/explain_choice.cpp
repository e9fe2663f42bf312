#include "core/config/explain_choice.h"

#include <algorithm>
#include <optional>

#include "core/config/next_choice.h"
#include "core/flow/source_hash.h"

namespace sluice {
namespace {

constexpr std::size_t candidates_shown_max = 8;

// Nothing when the number is not known.
std::optional<std::uint64_t> active_on(const ChoiceQuestion& question, const Backend& backend) {
  const auto index = static_cast<std::size_t>(backend.target.backend());
  if (index >= question.active_flows.size()) return std::nullopt;
  return question.active_flows[index];
}

bool is_full(const ChoiceQuestion& question, const Backend& backend) {
  return backend.max_connections > 0 &&
         active_on(question, backend).value_or(0) >= backend.max_connections;
}

std::string ramp_text(const Backend& backend) {
  if (backend.ramp_tenths >= ramp_tenths_full) return {};
  return ", ramping " + std::to_string(backend.ramp_tenths * 10) + "%";
}

std::string state_text(const Backend& backend) {
  std::string out(spell(backend.health));
  if (backend.drained) out += ", drained";
  return out + ramp_text(backend);
}

std::string candidate_text(const ChoiceQuestion& question, const Backend& backend) {
  std::string out =
      backend.name + " (weight " + std::to_string(backend.weight) + ramp_text(backend);
  if (const auto active = active_on(question, backend))
    out += ", " + std::to_string(*active) + " flows";
  if (is_full(question, backend)) out += ", full";
  return out + ")";
}

// The backends a policy with memory may choose, the least loaded first where that is what counts.
std::string candidates_text(const ChoiceQuestion& question) {
  std::vector<SlotShare> list = question.service.shares;
  const auto backend_of = [&](const SlotShare& share) -> const Backend& {
    return question.snapshot.backend(share.backend);
  };
  if (question.service.choosing.balance == Balance::weighted_least_connection)
    std::ranges::stable_sort(list, [&](const SlotShare& a, const SlotShare& b) {
      return (active_on(question, backend_of(a)).value_or(0) + 1) * b.weight <
             (active_on(question, backend_of(b)).value_or(0) + 1) * a.weight;
    });
  std::string out;
  for (std::size_t i = 0; i < std::min(list.size(), candidates_shown_max); ++i)
    out += (i == 0 ? "" : ", ") + candidate_text(question, backend_of(list[i]));
  if (list.size() > candidates_shown_max)
    out += " and " + std::to_string(list.size() - candidates_shown_max) + " more";
  return out;
}

// Who takes it in place of the slot's owner, when that is full.
const Backend* within_limits(const ChoiceQuestion& question, const Backend& owner,
                             Explanation& out) {
  if (owner.max_connections == 0) return &owner;
  const auto active = active_on(question, owner);
  if (!active || *active < owner.max_connections) {
    out.reasons.push_back(owner.name + " takes at most " + std::to_string(owner.max_connections) +
                          " flows at a time" +
                          (active ? " and has " + std::to_string(*active)
                                  : ", and how many it has is not known here"));
    return &owner;
  }
  const Backend* next =
      next_choice(question.snapshot, question.service, out.slot,
                  [&](const Backend& backend) { return is_full(question, backend); });
  out.reasons.push_back(owner.name + " is full: it has " + std::to_string(*active) + " flows of " +
                        std::to_string(owner.max_connections) + "; " +
                        (next != nullptr ? next->name + " is next"
                                         : "so are all others: dropped (drop_backends_full)"));
  return next;
}

}  // namespace

const Backend* explain_choice(const ChoiceQuestion& question, Explanation& out) {
  const Service& service = question.service;
  const Choosing& choosing = service.choosing;
  if (choosing.one_packet)
    out.reasons.emplace_back("one_packet: nothing is remembered, each datagram is chosen for anew");
  if (choosing.balance == Balance::weighted_round_robin ||
      choosing.balance == Balance::weighted_least_connection) {
    out.reasons.push_back(
        std::string(spell(choosing.balance)) +
        " depends on what went before; the candidates: " + candidates_text(question));
    return nullptr;
  }
  if (choosing.affinity_seconds > 0)
    out.reasons.push_back("a client that began a flow in the last " +
                          std::to_string(choosing.affinity_seconds) +
                          " s stays on its backend; any other goes by its address:");
  const std::uint64_t hash =
      choosing.by_source
          ? hash_source(masked_source(out.tuple.source, choosing.mask), question.snapshot.hash_seed)
          : question.flow_hash;
  out.slot_count = service.slots->size();
  out.slot = service.slots->slot_of(hash);
  const Backend& owner = question.snapshot.backend(BackendId{service.slots->owner(out.slot)});
  out.reasons.push_back("slot " + std::to_string(out.slot) + " of " +
                        std::to_string(out.slot_count) + " belongs to " + owner.name + " (" +
                        state_text(owner) + ")");
  if (service.panic) out.reasons.push_back("panic rule: every backend is down, so all are used");
  return within_limits(question, owner, out);
}

}  // namespace sluice
