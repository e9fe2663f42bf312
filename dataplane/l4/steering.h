#pragma once

#include <cstdint>
#include <vector>

#include "core/net/toeplitz.h"

namespace sluice::dataplane {

/// Which worker gets a server's answer: the NIC's RSS arithmetic, done in software. NAT picks
/// source ports so that the answer comes to the worker that has the session; where a port cannot do
/// RSS, workers hand such packets over, and agree on the owner by the same arithmetic.
class ReturnSteering {
 public:
  /// `worker_of_bucket`: the NIC's redirection table as worker numbers; its size is a power of two.
  explicit ReturnSteering(std::vector<std::uint16_t> worker_of_bucket)
      : worker_of_bucket_(std::move(worker_of_bucket)) {}
  /// Buckets dealt to workers in turn.
  [[nodiscard]] static ReturnSteering even(std::uint16_t workers) {
    std::vector<std::uint16_t> table(128);
    for (std::size_t i = 0; i < table.size(); ++i)
      table[i] = static_cast<std::uint16_t>(i % workers);
    return ReturnSteering(std::move(table));
  }

  /// `tuple`: of the answer, from the server to us.
  [[nodiscard]] std::uint16_t worker_of(const FiveTuple& tuple) const {
    return worker_of_bucket_[toeplitz_.hash(tuple) & (worker_of_bucket_.size() - 1)];
  }

 private:
  Toeplitz toeplitz_;
  std::vector<std::uint16_t> worker_of_bucket_;
};

}  // namespace sluice::dataplane
