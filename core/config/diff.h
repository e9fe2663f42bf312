#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config/snapshot.h"

namespace sluice {

/// One difference between two configurations, in the operator's words.
struct Change {
  enum class Kind : std::uint8_t { added, removed, changed };
  Kind kind = Kind::changed;
  std::string subject;         // "service web", "backend web/web2", "port wan0", "dataplane"
  std::string detail;          // "weight 10 -> 20"; several joined by ", "
  bool needs_restart = false;  // of sluice-dataplane
};

template <>
struct Spelling<Change::Kind> {
  static constexpr std::string_view names[] = {"added", "removed", "changed"};
};

/// How the share of new flows of one service shifts.
struct SlotShift {
  std::string service;
  std::uint32_t slots = 0;        // of the table after the change
  std::uint32_t slots_moved = 0;  // slots whose owner is another backend than before
};

struct Plan {
  std::vector<Change> changes;
  std::vector<SlotShift> shifts;  // services that exist before and after, where slots_moved > 0
  // Backends whose present flows cannot stay: removed ones, those of removed services or listeners.
  std::vector<BackendId> evicted;  // numbers of `before`
  [[nodiscard]] bool needs_restart() const;
};

/// What changes from one snapshot to the next. Compile `after` with `before` as its previous
/// snapshot.
[[nodiscard]] Plan diff(const Snapshot& before, const Snapshot& after);

}  // namespace sluice
