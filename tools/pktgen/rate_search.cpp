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
  // The sender may be slower than what was asked of it: only what it did is known now.
  const std::uint64_t asked_pps = next_.value_or(offer.offered_pps);
  const std::uint64_t tried_pps = std::min(asked_pps, offer.offered_pps);
  if (trials_ == 1) {
    failed_pps_ = tried_pps;
    is_done_ = passed;
  } else if (passed) {
    const bool is_nearer = tried_pps > passed_pps_ && tried_pps - passed_pps_ > resolution_pps();
    passed_pps_ = std::max(passed_pps_, tried_pps);
    // Where the sender gets no further, no trial can.
    if (!is_nearer) failed_pps_ = std::min(failed_pps_, asked_pps);
  } else {
    // Loss at a rate below one that passed is chance, and says that this is no better.
    failed_pps_ = tried_pps > passed_pps_ ? tried_pps : asked_pps;
  }
  if (!is_done_) halve();
  return passed;
}

std::uint64_t RateSearch::resolution_pps() const {
  return static_cast<std::uint64_t>(static_cast<double>(failed_pps_) * limits_.resolution_ppm /
                                    ppm_of_all);
}

void RateSearch::halve() {
  is_done_ = trials_ == trials_max || failed_pps_ <= passed_pps_ + 1 ||
             failed_pps_ - passed_pps_ <= resolution_pps();
  if (!is_done_) next_ = passed_pps_ + (failed_pps_ - passed_pps_) / 2;
}

}  // namespace sluice::pktgen
