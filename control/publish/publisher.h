#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/capture/desk.h"
#include "control/state/state.h"
#include "control/uring/ring.h"
#include "core/contract/message.h"

namespace sluice::control {

/// The control plane's end of <run-dir>/dataplane.sock (core/contract/message.h). Tells a data
/// plane that connects everything, and then what changes; hands its reports to the state. In
/// whichever order the two processes start, die and come back.
class Publisher {
 public:
  /// `captures`: null where none are asked for.
  Publisher(Ring& ring, State& state, std::string socket_path, CaptureDesk* captures = nullptr);
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  /// Spawns the task that connects and connects again. The publisher must outlive it and the
  /// state's last change.
  void start(TaskGroup& group);

 private:
  struct Connection {
    int socket = -1;
    TaskGroup& senders;
    bool sending = false;
    // Generations that this data plane was told; 0: none.
    std::uint64_t config = 0;
    std::uint64_t health = 0;
    std::uint64_t paths = 0;
    HealthTable told_health{};  // of that generation
    Report last{};
  };

  enum class Ending : std::uint8_t { lost, misunderstood, cancelled };

  [[nodiscard]] Task<void> keep_connected();
  [[nodiscard]] Task<Ending> serve(int socket);
  [[nodiscard]] Task<Ending> read_reports(int socket);
  [[nodiscard]] bool take_messages(MessageReader& reader);
  void take_report(Report report);
  void send_news();
  [[nodiscard]] Task<void> send_all_news();
  [[nodiscard]] std::vector<std::uint8_t> news();
  void append_health(std::vector<std::uint8_t>& out);

  Ring& ring_;
  State& state_;
  std::string socket_path_;
  CaptureDesk* captures_;
  std::optional<Connection> connection_;
};

}  // namespace sluice::control
