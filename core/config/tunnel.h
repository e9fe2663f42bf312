#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/net/prefix.h"

// Two settings of a service's tunnels that are a word or a value. Both have `parse` and `text`, by
// which codec, JSON and diff treat them.

namespace sluice {

/// Where tunnels to a service's backends come from: by default our address towards the backend, as
/// the kernel's route says; else an address, or a prefix that flows are spread over.
struct TunnelSource {
  std::optional<Prefix> prefix;  // none: by the route

  /// "route", "192.0.2.1", or "198.18.0.0/16" with host bits zero.
  [[nodiscard]] static std::optional<TunnelSource> parse(std::string_view text) {
    if (text == "route") return TunnelSource{};
    const auto prefix = Prefix::parse(text);
    return prefix ? std::optional(TunnelSource{prefix}) : std::nullopt;
  }
  [[nodiscard]] std::string text() const {
    if (!prefix) return "route";
    return prefix->is_one_address() ? prefix->address.text() : prefix->text();
  }
  friend bool operator==(const TunnelSource&, const TunnelSource&) = default;
};

/// The DSCP of outer headers: the inner packet's, or always the same (RFC 2983 section 3).
struct TunnelDscp {
  static constexpr std::uint8_t value_max = 63;
  std::optional<std::uint8_t> value;  // none: copied

  /// "copy", or "0" to "63".
  [[nodiscard]] static std::optional<TunnelDscp> parse(std::string_view text) {
    if (text == "copy") return TunnelDscp{};
    std::uint8_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [after, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || after != end || value > value_max) return std::nullopt;
    return TunnelDscp{value};
  }
  [[nodiscard]] std::string text() const { return value ? std::to_string(*value) : "copy"; }
  friend bool operator==(const TunnelDscp&, const TunnelDscp&) = default;
};

}  // namespace sluice
