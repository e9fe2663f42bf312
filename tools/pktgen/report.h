#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/pktgen/histogram.h"
#include "tools/pktgen/options.h"
#include "tools/pktgen/rate_search.h"
#include "tools/pktgen/trial.h"

// What people and programs are told.

namespace sluice::pktgen {

using Json = nlohmann::ordered_json;

/// "14.88 Mpps", "999 pps".
[[nodiscard]] std::string rate_text(std::uint64_t pps);
/// "850 ns", "12.3 us", "4.56 ms", "1.20 s".
[[nodiscard]] std::string time_text(double time_ns);

/// One line a second: what happened since the last one.
class SecondLines {
 public:
  SecondLines(bool sends, bool receives) : sends_(sends), receives_(receives) {}
  [[nodiscard]] std::string heading() const;
  [[nodiscard]] std::string line(const Progress& progress);

 private:
  bool sends_;
  bool receives_;
  Progress last_;
};

/// The same for programs: when it was, and what happened since the last one.
[[nodiscard]] Json second_json(const Progress& progress, const Progress& last);

/// The whole of one run.
[[nodiscard]] std::string outcome_text(const Outcome& outcome, const Options& options,
                                       bool follows_flows);
[[nodiscard]] Json outcome_json(const Outcome& outcome, const Options& options, bool follows_flows);

/// One trial of a search, and its result.
[[nodiscard]] std::string trial_heading();
[[nodiscard]] std::string trial_line(int number, const Outcome& outcome, bool passed);
[[nodiscard]] Json trial_json(const Outcome& outcome, bool passed);
[[nodiscard]] std::string search_text(const RateSearch& search, const Options& options);

/// Every bucket: the highest value in it, how many there are, and the share of all up to it.
[[nodiscard]] std::string histogram_text(const Histogram& latency);

/// What was asked for, as all reports in JSON begin.
[[nodiscard]] Json options_json(const Options& options, bool uses_hugepages);

}  // namespace sluice::pktgen
