#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bpf/steering.h"
#include "core/config/config.h"
#include "core/config/snapshot.h"
#include "core/result.h"
#include "dataplane/capture/session.h"
#include "dataplane/dpdk/eal.h"
#include "dataplane/shared_file.h"
#include "dataplane/snapshot_cell.h"
#include "dataplane/worker.h"

namespace sluice::dataplane {

/// Everything that forwards: DPDK, ports, one thread per worker, and the memory they share with the
/// world. Built once from the first Config; later snapshots are published to it.
class Engine {
 public:
  /// Opens memory and ports and starts the workers, which drop everything until the first
  /// `publish`. DPDK cannot be started twice in a process: after an error the process has to end.
  [[nodiscard]] static std::expected<std::unique_ptr<Engine>, Error> start(
      const Config& config, const std::string& run_dir);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  /// Stops the workers and closes the ports.
  ~Engine();

  /// Makes the workers forward by this snapshot; returns when none uses the one before. An error
  /// concerns packets that the kernel keeps from us; the snapshot is in force all the same.
  [[nodiscard]] std::expected<void, Error> publish(Snapshot snapshot,
                                                   std::uint64_t config_generation);
  [[nodiscard]] const Snapshot* published() const { return cell_->published(); }

  /// Begins a capture, in place of the one before. An error: the request asks for what cannot be.
  [[nodiscard]] std::expected<void, Error> start_capture(CaptureRequest request);
  /// Null when there is none.
  [[nodiscard]] CaptureSession* capture() const { return capture_.get(); }
  void stop_capture();

  /// What ports lack and what that costs.
  [[nodiscard]] std::vector<std::string> notes() const;

 private:
  Engine() = default;
  [[nodiscard]] std::expected<void, Error> open_ports(const Config& config);
  [[nodiscard]] std::expected<void, Error> open_port(const PortConfig& config, PortIndex index);
  [[nodiscard]] std::expected<void, Error> make_counters(const std::string& run_dir);
  [[nodiscard]] std::expected<void, Error> make_worker(const Config& config,
                                                       const std::string& run_dir,
                                                       std::uint16_t number);
  [[nodiscard]] std::expected<void, Error> run_workers();
  [[nodiscard]] std::expected<void, Error> steer(const Snapshot& snapshot);
  [[nodiscard]] CountersSegment& segment() const;

  // In the order of building; members go in the opposite one, so ports close before buffers and
  // DPDK itself.
  std::vector<std::uint16_t> cores_;
  std::vector<std::string> notes_;
  std::unique_ptr<Eal> eal_;
  std::unique_ptr<BufferPool> pool_;
  std::map<std::string, bpf::Steering> steerings_;  // by port name
  std::vector<PortPair> ports_;
  std::vector<HandOver> hand_overs_;
  std::unique_ptr<ReturnSteering> return_steering_;
  std::unique_ptr<SharedFile> counters_file_;
  std::vector<SharedFile> flow_files_;
  std::shared_ptr<const Config> shown_config_;  // which the directory in it is of
  bool is_steered_ = false;                     // all ports know its services
  std::unique_ptr<SnapshotCell> cell_;
  std::unique_ptr<CaptureSession> capture_;
  std::deque<Pipeline> pipelines_;
  std::deque<Worker> workers_;
  std::atomic<bool> stop_{false};  // engine: writes, workers: read
  std::vector<std::jthread> threads_;
};

}  // namespace sluice::dataplane
