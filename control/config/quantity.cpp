#include "control/config/quantity.h"

#include <charconv>
#include <limits>

namespace sluice::control {

std::optional<Quantity> parse_quantity(std::string_view text) {
  Quantity out;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, out.count);
  if (error != std::errc{}) return std::nullopt;
  out.unit = {after, static_cast<std::size_t>(end - after)};
  if (out.unit.starts_with(' ')) out.unit.remove_prefix(1);
  return out;
}

std::optional<std::uint64_t> parse_mebibytes(std::string_view text) {
  const auto quantity = parse_quantity(text);
  if (!quantity) return std::nullopt;
  if (quantity->unit == "MiB") return quantity->count;
  constexpr std::uint64_t mebibytes_per_gibibyte = 1024;
  if (quantity->unit != "GiB") return std::nullopt;
  // Saturated: the range that follows refuses it, with its limits.
  if (quantity->count > std::numeric_limits<std::uint64_t>::max() / mebibytes_per_gibibyte)
    return std::numeric_limits<std::uint64_t>::max();
  return quantity->count * mebibytes_per_gibibyte;
}

}  // namespace sluice::control
