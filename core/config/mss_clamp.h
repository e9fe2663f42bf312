#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

/// What a service does to the maximum segment size that TCP's SYNs announce (RFC 9293 section
/// 3.7.1): nothing, or makes it smaller where it is larger than the path to the backend carries, or
/// than a number of bytes. Has `parse` and `text`, by which codec, JSON and diff treat it.
struct MssClamp {
  static constexpr std::uint16_t bytes_min = 536;     // RFC 9293's default
  static constexpr std::uint16_t bytes_max = 65'495;  // of the largest IPv4 packet
  enum class Kind : std::uint8_t { off, automatic, fixed };
  Kind kind = Kind::off;
  std::uint16_t bytes = 0;  // fixed

  /// "off", "auto", or "536" to "65495".
  [[nodiscard]] static std::optional<MssClamp> parse(std::string_view text) {
    if (text == "off") return MssClamp{};
    if (text == "auto") return MssClamp{Kind::automatic};
    std::uint16_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [after, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || after != end || value < bytes_min || value > bytes_max)
      return std::nullopt;
    return MssClamp{Kind::fixed, value};
  }
  [[nodiscard]] std::string text() const {
    if (kind == Kind::fixed) return std::to_string(bytes);
    return kind == Kind::automatic ? "auto" : "off";
  }
  friend bool operator==(const MssClamp&, const MssClamp&) = default;
};

}  // namespace sluice
