#include "tools/pktgen/quantity.h"

#include <charconv>
#include <cmath>

namespace sluice::pktgen {
namespace {

struct Number {
  double value = 0;
  std::string_view unit;  // what stands behind the digits
};

// Decimal, without sign or exponent.
std::optional<Number> parse_number(std::string_view text) {
  const std::size_t digits = text.find_first_not_of("0123456789.");
  const std::string_view number = text.substr(0, digits);
  Number out;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out.value,
                                            std::chars_format::fixed);
  if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
  if (digits != std::string_view::npos) out.unit = text.substr(digits);
  return out;
}

// The whole number that this is, but for what a double cannot hold; none when it has a fraction.
std::optional<std::uint64_t> whole(double value) {
  constexpr double most = 1e15;
  if (value > most || std::abs(value - std::round(value)) > 1e-6) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(value));
}

}  // namespace

std::optional<std::uint64_t> parse_count(std::string_view text) {
  const auto number = parse_number(text);
  if (!number) return std::nullopt;
  if (number->unit.empty()) return whole(number->value);
  if (number->unit == "k") return whole(number->value * 1e3);
  if (number->unit == "M") return whole(number->value * 1e6);
  if (number->unit == "G") return whole(number->value * 1e9);
  return std::nullopt;
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const auto number = parse_number(text);
  if (!number) return std::nullopt;
  double seconds = number->value;
  if (number->unit == "ms")
    seconds /= 1e3;
  else if (number->unit == "m")
    seconds *= 60;
  else if (number->unit == "h")
    seconds *= 3'600;
  else if (!number->unit.empty() && number->unit != "s")
    return std::nullopt;
  const std::chrono::duration<double> most = duration_max;
  if (!(seconds >= 1e-9) || seconds > most.count()) return std::nullopt;
  return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

std::optional<std::uint32_t> parse_share(std::string_view text) {
  const auto number = parse_number(text);
  if (!number) return std::nullopt;
  if (number->unit.empty() && number->value == 0) return 0;
  if (number->unit != "%" || number->value > 100) return std::nullopt;
  const auto ppm = whole(number->value * 1e4);
  if (!ppm) return std::nullopt;
  return static_cast<std::uint32_t>(*ppm);
}

}  // namespace sluice::pktgen
