#include "bench/packets/group_run.h"

#include <algorithm>

namespace sluice::bench {
namespace {

constexpr std::uint64_t reloads_per_second = 10;
// The yardsticks' slices are that much shorter: there are as many of rte_hash's as of all cases'.
constexpr int yardstick_divisor = 4;

std::uint32_t narrow(std::uint64_t ticks) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(ticks, UINT32_MAX));
}

// Calls `burst`, which returns its ticks, for so long, and keeps those after the warm-up.
template <typename Burst>
void repeat(std::chrono::nanoseconds length, std::vector<std::uint32_t>& out, Burst&& burst) {
  for (Slice slice(length); !slice.is_over();) {
    const std::uint32_t taken = narrow(burst());
    if (slice.is_warm()) out.push_back(taken);
  }
}

}  // namespace

GroupRun::GroupRun(const Group& group, const Parts& parts, std::chrono::milliseconds slice)
    : group_(group),
      watch_(parts.watch),
      hash_(parts.hash),
      burst_(parts.pool, parts.watch),
      slice_(slice) {
  for (const Case& what : group_.cases)
    running_.push_back({.scene = std::make_unique<Scene>(what.options), .figures = {}});
}

void GroupRun::round() {
  hash_bursts_.clear();
  list_bursts_.clear();
  for (std::size_t i = 0; i < running_.size(); ++i) {
    run_hash_slice(HashYardstick::Keys::in_cache, hash_bursts_);
    run_slice(group_.cases[i], running_[i]);
  }
  run_hash_slice(HashYardstick::Keys::in_list, list_bursts_);
  hash_rounds_.push_back(summarise(hash_bursts_, HashYardstick::keys_per_burst));
  list_rounds_.push_back(summarise(list_bursts_, HashYardstick::keys_per_burst));
  run_buffer_slice();
}

void GroupRun::run_slice(const Case& what, Running& running) {
  if (running.scene->is_used_up()) {
    running.scene.reset();  // before the next one: two may not fit in memory
    running.scene = std::make_unique<Scene>(what.options);
  }
  Scene& scene = *running.scene;
  bursts_.clear();
  repeat(slice_, bursts_, [&] {
    const std::uint64_t taken = burst_.forward(scene);
    running.ticks_since_reload += taken;
    if (what.reloads && running.ticks_since_reload >= ticks_per_second() / reloads_per_second) {
      running.ticks_since_reload = 0;
      ++running.figures.reloads;
      scene.reload();
    }
    return taken;
  });
  running.figures.bursts += bursts_.size();
  running.figures.rounds.push_back(summarise(bursts_, burst_max));
}

void GroupRun::run_hash_slice(HashYardstick::Keys from, std::vector<std::uint32_t>& out) {
  repeat(slice_ / yardstick_divisor, out, [&] { return hash_.look_up(watch_, from); });
}

void GroupRun::run_buffer_slice() {
  bursts_.clear();
  repeat(slice_ / yardstick_divisor, bursts_, [&] { return burst_.take_and_give(); });
  buffer_rounds_.push_back(summarise(bursts_, burst_max));
}

std::vector<CaseFigures> GroupRun::figures() {
  std::vector<CaseFigures> out;
  for (Running& running : running_) {
    CaseFigures figures = running.figures;
    figures.sent = running.scene->sent_share();
    figures.remembered = running.scene->remembered_share();
    out.push_back(figures);
  }
  return out;
}

}  // namespace sluice::bench
