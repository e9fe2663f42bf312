#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/net/byte_order.h"

namespace sluice {

/// RFC 9293 section 3.1, RFC 7323 sections 2.2 and 3.2, RFC 2018 sections 2 and 3, RFC 7413
/// section 4.1.1.
enum class TcpOption : std::uint8_t {
  end = 0,
  no_operation = 1,
  mss = 2,
  window_scale = 3,
  sack_permitted = 4,
  sack = 5,
  timestamps = 8,
  fast_open = 34,
};

struct TcpTimestamps {
  std::uint32_t value = 0;
  std::uint32_t echo = 0;
  friend bool operator==(const TcpTimestamps&, const TcpTimestamps&) = default;
};

/// What two ends agree on by their SYNs.
struct TcpOptions {
  static constexpr std::uint8_t window_scale_max = 14;  // RFC 7323 section 2.3

  std::optional<std::uint16_t> mss_bytes{};
  std::optional<std::uint8_t> window_scale{};  // at most window_scale_max
  std::optional<TcpTimestamps> timestamps{};
  bool sack_permitted = false;

  friend bool operator==(const TcpOptions&, const TcpOptions&) = default;
};

/// Calls `visit(kind, body)` for each option of more than one byte; `body` is what follows kind and
/// length. Ends at the first whose length cannot be, as receivers do. `Byte` may be const.
template <typename Byte, typename Visit>
void for_each_tcp_option(std::span<Byte> options, Visit&& visit) {
  while (!options.empty()) {
    const auto kind = TcpOption{options[0]};
    if (kind == TcpOption::end) return;
    if (kind == TcpOption::no_operation) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return;
    const std::size_t length_bytes = options[1];
    visit(kind, options.subspan(2, length_bytes - 2));
    options = options.subspan(length_bytes);
  }
}

/// The options of a TCP header, any bytes at all. One of a wrong length counts as not there.
[[nodiscard]] TcpOptions read_tcp_options(std::span<const std::uint8_t> options);

/// Writes them as Linux lays them out, padded to words. Gives their length, at most
/// tcp_options_bytes_max.
inline constexpr std::size_t tcp_options_bytes_max = 20;
[[nodiscard]] std::size_t write_tcp_options(const TcpOptions& options,
                                            std::span<std::uint8_t, tcp_options_bytes_max> to);

}  // namespace sluice
