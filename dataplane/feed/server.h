#pragma once

#include <expected>
#include <string>

#include "core/contract/message.h"
#include "core/result.h"

namespace sluice::dataplane {

class Feed;

/// The data plane's end of the unix socket <run-dir>/dataplane.sock: one control plane at a time, a
/// newer one replaces an older. Forwarding does not depend on anybody being connected.
class Server {
 public:
  /// Takes the run directory for this process: a second data plane in it is refused.
  [[nodiscard]] static std::expected<Server, Error> open(const std::string& run_dir);
  Server(Server&& other) noexcept;
  Server& operator=(Server&&) = delete;
  ~Server();

  /// Serves until SIGTERM or SIGINT (0 is returned), or until the feed has failed for good (1).
  [[nodiscard]] int run(Feed& feed);

 private:
  Server() = default;
  void accept_client();
  void read_client(Feed& feed);
  void send_report(const Feed& feed);
  void send_captured(Feed& feed);
  void write_client();
  void drop_client();

  std::string socket_path_;
  int lock_ = -1;
  int listener_ = -1;
  int client_ = -1;
  int signals_ = -1;
  MessageReader reader_;
  // Of reports, which are small and replaced, and of a capture, which waits when there is much.
  std::vector<std::uint8_t> unsent_;
  std::optional<Report> told_;  // the last report sent to this client
  bool client_left_ = false;    // since the last round
};

}  // namespace sluice::dataplane
