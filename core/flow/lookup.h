#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

/// Whether the flow table decided about a packet: there was nothing to look up, the flow was known,
/// it was not, or it was but its backend takes it no more.
enum class FlowLookup : std::uint8_t { none, hit, miss, moved };

/// The enumerator's name, for programs; empty for none.
[[nodiscard]] constexpr std::string_view to_string(FlowLookup lookup) {
  switch (lookup) {
    case FlowLookup::none:
      break;
    case FlowLookup::hit:
      return "hit";
    case FlowLookup::miss:
      return "miss";
    case FlowLookup::moved:
      return "moved";
  }
  return "";
}

/// For people: "known flow"; empty for none.
[[nodiscard]] constexpr std::string_view describe(FlowLookup lookup) {
  switch (lookup) {
    case FlowLookup::none:
      break;
    case FlowLookup::hit:
      return "known flow";
    case FlowLookup::miss:
      return "new flow";
    case FlowLookup::moved:
      return "moved flow";
  }
  return "";
}

}  // namespace sluice
