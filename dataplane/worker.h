#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/capture/tap.h"
#include "dataplane/dpdk/buffer_pool.h"
#include "dataplane/dpdk/hand_over.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/l4/pipeline.h"
#include "dataplane/snapshot_cell.h"

namespace sluice::dataplane {

/// A port together with the TAP through which the kernel sees it, if it has one.
struct PortPair {
  Port port;
  std::optional<Port> kernel_tap;
};

/// One poll loop. Everything here lives on the worker's own core; the feed talks to it only through
/// the SnapshotCell.
class Worker {
 public:
  struct Parts {
    std::uint16_t number = 0;
    Idle idle = Idle::poll;
    std::span<PortPair> ports;
    std::span<HandOver> hand_overs;  // by worker
    SnapshotCell& cell;
    Pipeline& pipeline;
    WorkerCounters& counters;
  };
  explicit Worker(const Parts& parts);

  /// Polls until `stop`: borrow snapshot, rx, look, send, tx. Runs on the calling thread.
  void run(const std::atomic<bool>& stop);

  /// Copies of packets go there from the next burst on; null: nowhere. The tap before it is in use
  /// until the worker has borrowed a snapshot anew. Feed only.
  void set_tap(CaptureTap* tap) { tap_.store(tap, std::memory_order_release); }

 private:
  struct Outbox {
    std::array<Buffer*, burst_packets_max> buffers;
    std::array<std::uint16_t, burst_packets_max> packets;  // their places in the burst
    std::size_t count = 0;
  };
  /// Whether anything came.
  [[nodiscard]] bool poll_ports(const Snapshot* snapshot);
  void process(const Snapshot& snapshot, std::uint16_t count);
  void retry_held(const Snapshot& snapshot);
  void dispatch(std::uint16_t index);
  void flush(Outbox& outbox, Port& port);
  void pass_to_kernel(std::uint16_t index);
  void copy_from_taps();

  Parts parts_;
  std::atomic<CaptureTap*> tap_{nullptr};  // feed: writes, worker: reads
  std::array<Buffer*, burst_packets_max> buffers_{};
  std::array<Packet, burst_packets_max> packets_{};
  struct Held {
    Buffer* buffer = nullptr;
    PortIndex in_port = no_port;
  };
  std::array<Held, HeldFragments::slots> held_{};  // by slot: fragments that wait
  std::vector<Outbox> outboxes_;                   // by port
  std::vector<Outbox> kernel_outboxes_;            // by port
};

}  // namespace sluice::dataplane
