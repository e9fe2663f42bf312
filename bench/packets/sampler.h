#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

namespace sluice::bench {

/// Where a piece of code spends its time: a timer interrupts this thread and the address that it
/// was at is noted. There can be one at a time.
class Sampler {
 public:
  /// Begins to note addresses, at most `samples_max`.
  Sampler(std::chrono::microseconds interval, std::size_t samples_max);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  struct Place {
    std::string file;          // of the program or a library
    std::uint64_t offset = 0;  // in it, as addr2line takes it
    std::uint64_t samples = 0;
  };
  /// Stops, and says how often each place was met.
  [[nodiscard]] std::vector<Place> places();

 private:
  void stop();
  timer_t timer_{};
  bool runs_ = false;
};

}  // namespace sluice::bench
