#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "core/flow/fragment_table.h"

namespace sluice::dataplane {

/// Later fragments that came before their first one: which they are, and until when they may wait.
/// The frames themselves are kept by whoever runs the pipeline, by slot. In order of arrival; of
/// fixed size, nothing is allocated. For one thread.
class HeldFragments {
 public:
  static constexpr std::size_t slots = 256;
  /// Reordering takes milliseconds; a first fragment that has not come by then was lost.
  static constexpr std::uint64_t hold_ns = 100'000'000;

  HeldFragments();

  /// A slot for this fragment, which waits from now on; none when all are taken.
  [[nodiscard]] std::optional<std::uint16_t> add(const FragmentKey& key, std::uint64_t now_ns);
  /// The slots of those whose first fragment `table` knows by now, and of those that have waited
  /// long enough. They wait no more, and their slots are free. The span is good until the next
  /// call.
  [[nodiscard]] std::span<const std::uint16_t> take_ripe(const FragmentTable& table,
                                                         std::uint64_t now_ns);
  [[nodiscard]] bool is_empty() const { return count_ == 0; }
  /// Whether the one that came first has waited long enough.
  [[nodiscard]] bool is_overdue(std::uint64_t now_ns) const {
    return count_ > 0 && waiting_[0].until_ns <= now_ns;
  }

 private:
  struct Waiting {
    FragmentKey key;
    std::uint64_t until_ns = 0;
    std::uint16_t slot = 0;
  };
  std::array<Waiting, slots> waiting_;  // the first `count_`, oldest first
  std::size_t count_ = 0;
  std::array<std::uint16_t, slots> free_;  // the first `slots - count_`
  std::array<std::uint16_t, slots> ripe_;
};

}  // namespace sluice::dataplane
