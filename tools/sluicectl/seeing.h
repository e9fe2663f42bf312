#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/sluicectl/commands.h"

// The commands that watch a running data plane.

namespace sluice::ctl {

struct CaptureWanted {
  std::vector<std::string> filter;  // words of an expression; none: every packet
  std::string file;                 // "-" is standard output
  std::uint32_t packets = 10'000;
  std::uint32_t seconds = 60;
  std::uint32_t snaplen = 65'535;
  bool sent = false;  // the packets as they go out too
};
[[nodiscard]] int run_capture(const Session& session, const CaptureWanted& wanted);

struct TraceWanted {
  std::vector<std::string> filter;
  std::uint32_t packets = 10;
  std::uint32_t seconds = 60;
};
[[nodiscard]] int run_trace(const Session& session, const TraceWanted& wanted);

struct TopWanted {
  bool once = false;
  std::uint32_t interval_seconds = 1;
};
[[nodiscard]] int run_top(const Session& session, const TopWanted& wanted);

}  // namespace sluice::ctl
