#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/capture/record.h"
#include "core/config/config.h"
#include "core/config/snapshot.h"
#include "core/contract/message.h"
#include "dataplane/engine.h"

namespace sluice::dataplane {

/// Turns what the control plane sends into published snapshots. Starts the engine at the first good
/// Config; a Config that does not compile, or that would need other ports, is refused and changes
/// nothing.
class Feed {
 public:
  explicit Feed(std::string run_dir);
  ~Feed();

  /// Takes one message of the control plane. False: the message makes no sense, and the connection
  /// should be closed.
  [[nodiscard]] bool take(const MessageReader::Message& message);
  /// Publishes what the messages since the last call amount to, once.
  void settle();
  /// Whether `captured` has something to tell, now or soon.
  [[nodiscard]] bool is_capturing() const { return capture_number_ != 0; }
  /// What the capture has brought since the last call, as a message; empty: nothing.
  [[nodiscard]] std::vector<std::uint8_t> captured();
  /// The one who asked for it is gone.
  void stop_capture();
  /// What to tell the control plane now.
  [[nodiscard]] const Report& report() const { return report_; }
  /// DPDK would not start; nothing but a new process can try again.
  [[nodiscard]] bool has_failed() const { return failed_; }

 private:
  [[nodiscard]] bool take_health_change(const MessageReader::Message& message);
  [[nodiscard]] bool needs_restart(const Config& config) const;
  void settle_once();
  void refuse(std::uint64_t generation, std::string why);
  [[nodiscard]] bool start_engine(const Config& config);
  [[nodiscard]] bool start_capture(const MessageReader::Message& message);

  std::string run_dir_;
  Report report_;
  SnapshotInputs inputs_;  // in force, or to be
  struct Pending {
    std::shared_ptr<const Config> config;
    std::uint64_t generation = 0;
  };
  std::optional<Pending> pending_;
  std::uint64_t health_generation_ = 0;
  std::uint64_t paths_generation_ = 0;
  bool dirty_ = false;
  bool failed_ = false;
  std::unique_ptr<Engine> engine_;
  std::uint64_t capture_number_ = 0;  // 0: there is none
  std::string capture_refusal_;       // why the one that was asked for cannot be
};

}  // namespace sluice::dataplane
