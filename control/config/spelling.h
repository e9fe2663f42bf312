#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::control {

/// How many letters must be put in, taken out, changed or swapped with their neighbour to turn one
/// word into the other; upper and lower case count as the same letter.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The word that somebody who wrote `word` probably meant, if any is near: a third of its letters
/// wrong, or one the beginning of the other.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      std::span<const std::string_view> known);

/// `"tcp", "udp"`
[[nodiscard]] std::string quoted_list(std::span<const std::string_view> words);

/// For a message: at most so many bytes of UTF-8 text, then "...".
[[nodiscard]] std::string shortened(std::string_view text, std::size_t bytes_max);

}  // namespace sluice::control
