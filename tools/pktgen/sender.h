#pragma once

#include <array>
#include <cstdint>

#include "tools/pktgen/environment.h"
#include "tools/pktgen/generator.h"
#include "tools/pktgen/options.h"

struct rte_mbuf;

namespace sluice::pktgen {

/// Hands a generator's frames to a device. What the device does not take at once waits, and is
/// offered again before anything new is made.
class Sender {
 public:
  /// `pool`: zeroed buffers that nobody else writes to. `burst`: 1 to `burst_max`.
  Sender(std::uint16_t device_id, rte_mempool& pool, Generator& generator, std::uint16_t burst)
      : device_id_(device_id), pool_(pool), generator_(generator), burst_(burst) {}
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() { cancel(); }

  /// Sends up to so many packets, at most a burst; gives how many the device took.
  std::uint16_t send(std::uint64_t due, std::uint64_t now_ns);
  /// Takes back what waits, as if it had never been made.
  void cancel();

  /// Without check sequences, of what the device took.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  void make(std::uint16_t count, std::uint64_t now_ns);

  std::uint16_t device_id_;
  rte_mempool& pool_;
  Generator& generator_;
  std::uint16_t burst_;
  std::array<rte_mbuf*, burst_max> waiting_{};
  std::uint16_t first_ = 0;
  std::uint16_t end_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace sluice::pktgen
