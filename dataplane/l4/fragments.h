#pragma once

#include <cstdint>
#include <span>

#include "core/config/snapshot.h"
#include "core/contract/shared_memory.h"
#include "core/flow/fragment_table.h"
#include "dataplane/l4/held_fragments.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// Lets the later fragments of TCP and UDP go where their first one goes; one that comes before its
/// first waits for it a moment. One per worker.
class Fragments {
 public:
  Fragments(std::uint64_t seed, WorkerCounters& counters);

  /// Nanoseconds of the worker's clock; first fragments are stamped with it.
  void set_now(std::uint64_t now_ns) { now_ns_ = now_ns; }

  /// Decides whose a packet with role `fragment` is: a first one by its own ports, which are
  /// remembered; a later one by those of its first, which it is given (`parsed.has_ports` stays
  /// false: they are not in this frame). Sets the role of unfragmented packets, a final verdict, or
  /// `held_fragment` and the slot to keep the frame in until `ripe` names it.
  [[gnu::cold]] void classify(const Snapshot& snapshot, Packet& packet);
  [[nodiscard]] bool holds_any() const { return !held_.is_empty(); }
  /// The slots of held fragments that are to be processed again, as `has_waited`: their first one
  /// has come, or they have waited long enough. The span is good until the next call.
  [[nodiscard]] std::span<const std::uint16_t> ripe(std::uint64_t now_ns) {
    if (held_.is_empty() || (!has_new_first_ && !held_.is_overdue(now_ns))) return {};
    has_new_first_ = false;
    return held_.take_ripe(table_, now_ns);
  }

 private:
  void hold(const FragmentKey& key, Packet& packet);

  // 8,192 datagrams in half a megabyte.
  static constexpr std::size_t buckets = 2'048;
  FragmentTable table_;
  HeldFragments held_;
  bool has_new_first_ = false;  // since `ripe` was asked last
  WorkerCounters& counters_;
  std::uint64_t now_ns_ = 0;
};

}  // namespace sluice::dataplane
