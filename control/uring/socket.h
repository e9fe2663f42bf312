#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

#include "core/net/address.h"
#include "core/result.h"

namespace sluice::control {

/// A file descriptor with an owner. Close it only when no operation on it is under way.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] explicit operator bool() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

// All sockets are blocking ones, as the ring wants them, and are closed on exec.

/// A TCP socket of the family of `address`, not yet connected.
[[nodiscard]] std::expected<Descriptor, Error> make_tcp_socket(const Address& address);
/// A unix stream socket, not yet connected.
[[nodiscard]] std::expected<Descriptor, Error> make_unix_socket();
/// A listening unix socket at `path`, readable and writable by owner and group (mode 0660), and by
/// the group `group` where that exists and we may give it. A socket file that is there is replaced:
/// the caller has made sure, by a lock, that no other process of its kind serves it.
[[nodiscard]] std::expected<Descriptor, Error> listen_unix(const std::string& path,
                                                           const std::string& group);

}  // namespace sluice::control
