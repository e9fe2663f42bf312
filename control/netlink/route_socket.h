#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>

#include "control/netlink/message.h"
#include "core/result.h"

namespace sluice::control {

/// A socket to the kernel's routing tables, of the network namespace in which it was opened.
class RouteSocket {
 public:
  using Receiver = std::function<void(const NetlinkMessage&)>;

  /// Hears what happens in `groups` (RTNLGRP_LINK, ...).
  [[nodiscard]] static std::expected<RouteSocket, Error> open(std::initializer_list<int> groups);
  RouteSocket(RouteSocket&& other) noexcept;
  RouteSocket& operator=(RouteSocket&& other) noexcept;
  ~RouteSocket();

  [[nodiscard]] int descriptor() const { return descriptor_; }

  /// Sends a request and gives the answers to `receive`, up to the kernel's last word: 0, or the
  /// error number it gave. EINTR: a dump was disturbed by a change and may have left something out.
  [[nodiscard]] int ask(NetlinkRequest& request, const Receiver& receive);
  /// Gives all that is waiting to `receive`, and waits for nothing; false when something was lost.
  [[nodiscard]] bool drain(const Receiver& receive);

 private:
  // Where one exchange stands.
  struct Answer {
    bool finished = false;
    bool disturbed = false;
    int error = 0;
  };

  explicit RouteSocket(int descriptor);
  [[nodiscard]] std::span<const std::uint8_t> received(std::size_t length) const;
  void read_answers(std::span<const std::uint8_t> bytes, std::uint32_t sequence,
                    const Receiver& receive, Answer& answer) const;

  // The kernel's own limit on one part of a dump is 32 KiB.
  static constexpr std::size_t buffer_bytes = 65'536;
  int descriptor_;
  std::uint32_t sequence_ = 0;
  std::unique_ptr<std::array<std::uint8_t, buffer_bytes>> buffer_;
};

}  // namespace sluice::control
