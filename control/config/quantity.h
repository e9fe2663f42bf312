#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::control {

/// A whole number and the unit that is written behind it.
struct Quantity {
  std::uint64_t count = 0;
  std::string_view unit;  // of the text that was read
};

/// "256 MiB", "500ms": digits, perhaps one space, the rest is the unit, which may be empty.
[[nodiscard]] std::optional<Quantity> parse_quantity(std::string_view text);

/// "256 MiB" or "4 GiB", in MiB.
[[nodiscard]] std::optional<std::uint64_t> parse_mebibytes(std::string_view text);

}  // namespace sluice::control
