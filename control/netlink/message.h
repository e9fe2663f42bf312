#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "core/net/address.h"

// rtnetlink messages as bytes (rtnetlink(7)). Numbers are in this host's byte order, addresses in
// network order.

namespace sluice::control {

/// One message to the kernel: its header, the fixed part of its kind (rtmsg, ndmsg, ...), then
/// attributes.
class NetlinkRequest {
 public:
  template <typename Fixed>
  NetlinkRequest(std::uint16_t type, std::uint16_t flags, const Fixed& fixed) {
    static_assert(std::is_trivially_copyable_v<Fixed>);
    const nlmsghdr header{.nlmsg_len = 0,
                          .nlmsg_type = type,
                          .nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST),
                          .nlmsg_seq = 0,
                          .nlmsg_pid = 0};
    append(&header, sizeof header);
    append(&fixed, sizeof fixed);
  }
  /// Four bytes or sixteen, by its family.
  void put(std::uint16_t attribute, const Address& address);
  /// The finished message under this number, which its answers carry.
  [[nodiscard]] std::span<const std::uint8_t> bytes(std::uint32_t sequence);

 private:
  void append(const void* from, std::size_t length);
  std::vector<std::uint8_t> bytes_;
};

/// The attributes of a message, or those nested in one of them. Never reads outside its bytes.
class NetlinkAttributes {
 public:
  explicit NetlinkAttributes(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  /// The last one of this type, as the kernel reads repeated ones; empty when there is none.
  [[nodiscard]] std::span<const std::uint8_t> find(std::uint16_t type) const;
  template <typename T>
  [[nodiscard]] std::optional<T> value(std::uint16_t type) const {
    T out{};
    const auto bytes = find(type);
    if (bytes.size() < sizeof out) return std::nullopt;
    std::memcpy(&out, bytes.data(), sizeof out);
    return out;
  }
  /// Of four or sixteen bytes.
  [[nodiscard]] std::optional<Address> address(std::uint16_t type) const;
  [[nodiscard]] std::optional<MacAddress> mac(std::uint16_t type) const;

 private:
  std::span<const std::uint8_t> bytes_;
};

[[nodiscard]] std::optional<Address> address_from_bytes(std::span<const std::uint8_t> bytes);

/// One message from the kernel, without its header.
struct NetlinkMessage {
  std::uint16_t type = 0;
  std::span<const std::uint8_t> body;

  template <typename Fixed>
  [[nodiscard]] std::optional<Fixed> fixed() const {
    Fixed out{};
    if (body.size() < sizeof out) return std::nullopt;
    std::memcpy(&out, body.data(), sizeof out);
    return out;
  }
  /// What follows the fixed part.
  template <typename Fixed>
  [[nodiscard]] NetlinkAttributes attributes() const {
    return NetlinkAttributes(
        body.subspan(std::min<std::size_t>(body.size(), NLMSG_ALIGN(sizeof(Fixed)))));
  }
};

}  // namespace sluice::control
