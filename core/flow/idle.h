#pragma once

#include <algorithm>
#include <cstdint>

#include "core/flow/entry.h"

namespace sluice {

// Seconds without a packet after which a TCP flow outside the established state is forgotten.
inline constexpr std::uint32_t opening_timeout_seconds = 60;
inline constexpr std::uint32_t closing_timeout_seconds = 60;
// And a UDP flow whose client has not shown that it is there.
inline constexpr std::uint32_t unanswered_timeout_seconds = 30;

/// Whether a flow has been idle for so long that its entry counts no more, although it may still be
/// in the table. `established_timeout_seconds` is the service's.
[[nodiscard]] constexpr bool is_idle_too_long(FlowState state, std::uint32_t idle_seconds,
                                              std::uint32_t established_timeout_seconds) {
  switch (state) {
    case FlowState::opening:
      return idle_seconds > opening_timeout_seconds;
    case FlowState::closing:
      return idle_seconds > closing_timeout_seconds;
    case FlowState::unanswered:
    case FlowState::answered:
      return idle_seconds > std::min(unanswered_timeout_seconds, established_timeout_seconds);
    case FlowState::established:
      return idle_seconds > established_timeout_seconds;
    case FlowState::empty:
      break;
  }
  return true;
}

}  // namespace sluice
