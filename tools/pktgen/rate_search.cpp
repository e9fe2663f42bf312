#include "tools/pktgen/rate_search.h"

#include <algorithm>

#include "tools/pktgen/quantity.h"

namespace sluice::pktgen {

bool RateSearch::passes(const Offer& offer) const {
  if (offer.sent == 0) return false;
  return static_cast<double>(offer.lost) * ppm_of_all <=
         static_cast<double>(offer.sent) * limits_.loss_ppm;
}

bool RateSearch::record(const Offer& offer) {
  ++trials_;
  const bool passed = passes(offer);
  if (passed) best_pps_ = std::max(best_pps_.value_or(0), offer.offered_pps);
  // The sender may be slower than what was asked of it.
  const std::uint64_t tried_pps = next_.value_or(offer.offered_pps);
  if (trials_ == 1) {
    failed_pps_ = tried_pps;
    is_done_ = passed;
  } else if (passed && offer.offered_pps >= tried_pps - tried_pps / 100) {
    passed_pps_ = tried_pps;
  } else {
    failed_pps_ = tried_pps;
  }
  if (!is_done_) halve();
  return passed;
}

void RateSearch::halve() {
  const double width = static_cast<double>(failed_pps_ - passed_pps_);
  const double wanted = static_cast<double>(failed_pps_) * limits_.resolution_ppm / ppm_of_all;
  if (trials_ == trials_max || failed_pps_ <= passed_pps_ + 1 || width <= wanted) {
    is_done_ = true;
    return;
  }
  next_ = passed_pps_ + (failed_pps_ - passed_pps_) / 2;
}

}  // namespace sluice::pktgen
