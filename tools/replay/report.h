#pragma once

#include <cstdint>
#include <string>

#include "tools/replay/capture.h"
#include "tools/replay/replay.h"

namespace sluice::replay {

/// What is counted outside of the pipeline.
struct Totals {
  std::uint64_t packets = 0;
  std::uint64_t sent = 0;
  std::uint64_t known_flows = 0;  // packets that the flow table decided
  std::uint64_t cut = 0;          // the capture has only their beginning
  std::uint64_t too_long = 0;     // left out
  std::uint64_t duration_ns = 0;  // from the first to the last frame
  std::string error;              // the capture is damaged from here on; empty: it is not
};

/// One packet for `--each`: a line of JSON. `number` counts from 1, as Wireshark does.
[[nodiscard]] std::string record_json(std::uint64_t number, const Frame& frame, const Fate& fate,
                                      bool with_steps);
/// The same for people.
[[nodiscard]] std::string record_text(std::uint64_t number, const Frame& frame, const Fate& fate,
                                      bool with_steps);

/// Everything that was counted, as JSON: an object.
[[nodiscard]] std::string summary_json(const Totals& totals, const Replay& replay);
/// The same as tables.
[[nodiscard]] std::string summary_text(const Totals& totals, const Replay& replay);

}  // namespace sluice::replay
