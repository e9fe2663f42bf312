#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

#include "control/uring/socket.h"
#include "core/net/address.h"

namespace sluice::control {

/// A TCP server on a thread of its own that reads one request up to its empty line, sends a text
/// and closes, connection after connection.
class CannedServer {
 public:
  enum class Manner { at_once, byte_by_byte, never };  // of answering

  CannedServer(const Address& address, std::string answer, Manner manner = Manner::at_once);
  CannedServer(const CannedServer&) = delete;
  CannedServer& operator=(const CannedServer&) = delete;
  ~CannedServer();

  [[nodiscard]] Endpoint endpoint() const { return endpoint_; }
  void set_answer(std::string answer);
  [[nodiscard]] std::string last_request() const;
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void serve();
  void answer(int socket);

  Endpoint endpoint_;
  Manner manner_;
  Descriptor listener_;
  mutable std::mutex mutex_;
  std::string answer_;        // guarded by mutex_
  std::string last_request_;  // guarded by mutex_
  std::atomic<int> connections_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace sluice::control
