#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <toml++/toml.h>

#include "control/config/spelling.h"
#include "core/config/config.h"
#include "core/net/address.h"

// One TOML value to one value of the Config. `key` is only for the message.

namespace sluice::control {

/// Why a value cannot be taken, and what to write.
struct Complaint {
  std::string what;
  std::string remedy;
};
template <typename T>
using Converted = std::expected<T, Complaint>;

/// Both ends are allowed.
struct Range {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

struct StatusRange {
  std::uint16_t low = 0;
  std::uint16_t high = 0;
};

/// "a number (80)", "a string ("80")", "a table": what a value is, for a message.
[[nodiscard]] std::string described(const toml::node& node);
/// The complaint that a value has the wrong type; `wanted` says what to write.
[[nodiscard]] Complaint wrong_type(std::string_view key, const toml::node& node,
                                   std::string wanted);

[[nodiscard]] Converted<std::string> to_text(std::string_view key, const toml::node& node,
                                             std::string_view example);
[[nodiscard]] Converted<bool> to_flag(std::string_view key, const toml::node& node);
[[nodiscard]] Converted<std::int64_t> to_number(std::string_view key, const toml::node& node,
                                                Range range);
[[nodiscard]] Converted<Address> to_address(std::string_view key, const toml::node& node);
[[nodiscard]] Converted<std::chrono::milliseconds> to_duration(std::string_view key,
                                                               const toml::node& node,
                                                               std::string_view example);
/// "256 MiB" or "4 GiB"; in MiB.
[[nodiscard]] Converted<std::uint32_t> to_memory(std::string_view key, const toml::node& node,
                                                 Range range);
/// An address or a prefix.
[[nodiscard]] Converted<VipBlock> to_vip(std::string_view key, const toml::node& node);
/// 80, "8000-8999" or "any".
[[nodiscard]] Converted<PortRange> to_port_range(std::string_view key, const toml::node& node);
/// "200-399", "200" or 200.
[[nodiscard]] Converted<StatusRange> to_status(std::string_view key, const toml::node& node);
/// "route", an address or a prefix.
[[nodiscard]] Converted<TunnelSource> to_tunnel_source(std::string_view key,
                                                       const toml::node& node);
/// "copy", or a number from 0 to 63.
[[nodiscard]] Converted<TunnelDscp> to_tunnel_dscp(std::string_view key, const toml::node& node);
/// "off", "auto" or a number of bytes.
[[nodiscard]] Converted<MssClamp> to_mss_clamp(std::string_view key, const toml::node& node);
/// "auto", "on", "off", true or false.
[[nodiscard]] Converted<Hugepages> to_hugepages(std::string_view key, const toml::node& node);

/// A word that is none of `known`: the nearest, or all.
[[nodiscard]] Complaint unknown_word(std::string_view key, std::string_view word,
                                     std::span<const std::string_view> known);

template <typename Enum>
[[nodiscard]] Converted<Enum> to_enum(std::string_view key, const toml::node& node) {
  const auto text = node.value_exact<std::string_view>();
  if (!text)
    return std::unexpected(
        wrong_type(key, node, "write one of " + quoted_list(Spelling<Enum>::names)));
  if (const auto value = parse_spelling<Enum>(*text)) return *value;
  return std::unexpected(unknown_word(key, *text, Spelling<Enum>::names));
}

}  // namespace sluice::control
