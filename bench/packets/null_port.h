#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <vector>

#include "bench/packets/cycles.h"
#include "bench/scene.h"
#include "dataplane/dpdk/hand_over.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/worker.h"

namespace sluice::bench {

/// sluice-dataplane's own worker, polling a null port: one whose receiving is nothing but taking
/// buffers from the pool and whose sending is giving them back. What is in the buffers is left
/// over from before, so the traffic is written into them when they have been received.
class NullPort {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<NullPort>, Error> open(
      const dataplane::BufferPool& pool, const Watch& watch);
  ~NullPort();
  NullPort(const NullPort&) = delete;
  NullPort& operator=(const NullPort&) = delete;

  struct Figures {
    Round forwarding;  // ticks a packet: receive, forward, send
    Round all;         // the same with writing the traffic
  };
  /// Lets the worker forward the scene's traffic for so long.
  [[nodiscard]] Figures run(Scene& scene, std::chrono::milliseconds time);
  /// Called with each burst that the port has received.
  void on_receive(std::span<dataplane::Buffer*> burst);

 private:
  explicit NullPort(const Watch& watch) : watch_(watch) {}

  Watch watch_;
  std::vector<dataplane::PortPair> ports_;
  std::vector<dataplane::HandOver> hand_overs_;
  Scene* scene_ = nullptr;  // while it runs
  std::atomic<bool> stop_{false};
  Slice slice_{std::chrono::nanoseconds(0)};
  std::uint64_t begin_ = 0;  // of the writing for the burst before
  std::uint64_t end_ = 0;    // and its end
  std::vector<std::uint32_t> forwarding_;
  std::vector<std::uint32_t> all_;
};

}  // namespace sluice::bench
