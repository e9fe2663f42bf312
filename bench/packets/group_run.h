#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/packets/buffers.h"
#include "bench/packets/cases.h"
#include "bench/packets/cycles.h"
#include "bench/packets/yardstick.h"

namespace sluice::bench {

/// What a case came to.
struct CaseFigures {
  std::vector<Round> rounds;
  double sent = 0;        // the part of its packets
  double remembered = 0;  // the part of its flows
  std::uint64_t bursts = 0;
  std::uint64_t reloads = 0;
};

/// The cases of a group, taking turns with each other and with the yardsticks.
class GroupRun {
 public:
  struct Parts {
    const dataplane::BufferPool& pool;
    const Watch& watch;
    HashYardstick& hash;
  };
  /// Builds all scenes. `slice`: how long a case runs in each round.
  GroupRun(const Group& group, const Parts& parts, std::chrono::milliseconds slice);

  void round();
  [[nodiscard]] const Group& group() const { return group_; }
  /// By case. Looks at the scenes' flows, so it comes last.
  [[nodiscard]] std::vector<CaseFigures> figures();
  /// Ticks a key that is in the cache, and one that is not, by round.
  [[nodiscard]] const std::vector<Round>& hash_rounds() const { return hash_rounds_; }
  [[nodiscard]] const std::vector<Round>& list_rounds() const { return list_rounds_; }
  /// Ticks a buffer taken and given back, by round.
  [[nodiscard]] const std::vector<Round>& buffer_rounds() const { return buffer_rounds_; }

 private:
  struct Running {
    std::unique_ptr<Scene> scene;
    CaseFigures figures;
    std::uint64_t ticks_since_reload = 0;
  };
  void run_slice(const Case& what, Running& running);
  void run_hash_slice(HashYardstick::Keys from, std::vector<std::uint32_t>& out);
  void run_buffer_slice();

  Group group_;
  Watch watch_;
  HashYardstick& hash_;
  BufferBurst burst_;
  std::chrono::nanoseconds slice_;
  std::vector<Running> running_;  // by case
  // Ticks of bursts: of one slice, and of the yardsticks in one round.
  std::vector<std::uint32_t> bursts_;
  std::vector<std::uint32_t> hash_bursts_;
  std::vector<std::uint32_t> list_bursts_;
  std::vector<Round> hash_rounds_;
  std::vector<Round> list_rounds_;
  std::vector<Round> buffer_rounds_;
};

}  // namespace sluice::bench
