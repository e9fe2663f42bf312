#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"

namespace sluice::ctl {

/// A stream socket to sluiced, with an owner.
struct Socket {
  int number = -1;
  Socket() = default;
  Socket(Socket&& other) noexcept : number(std::exchange(other.number, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket();
};

/// Connects; sending and receiving fail after a minute without progress.
[[nodiscard]] std::expected<Socket, Error> connect_to(const std::string& path);
/// A request for a connection of its own.
[[nodiscard]] std::string request_bytes(std::string_view method, std::string_view target,
                                        std::string_view body);
/// Sends what it can: a daemon that refuses a request answers before it has read all of it.
void send_all(const Socket& socket, std::string_view bytes);

}  // namespace sluice::ctl
