#include "control/config/syntax.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "control/config/guard.h"

namespace sluice::control {
namespace {

// What to write when toml++'s description has these words in it; the first that fits.
struct Remedy {
  std::string_view words;
  std::string_view text;
};
constexpr std::string_view quote_text =
    "put text in double quotes, like name = \"web\" or interval = \"1s\"";
constexpr std::array remedies{
    Remedy{"could not determine value type", quote_text},
    Remedy{"expected 'true'", "write true or false in small letters, or text in double quotes"},
    Remedy{"expected 'false'", "write true or false in small letters, or text in double quotes"},
    Remedy{"expected digit", quote_text},
    Remedy{"decimal digit", quote_text},
    Remedy{"leading zeroes", "write the number without leading zeros"},
    Remedy{"not representable", "write a number of at most 9223372036854775807"},
    Remedy{"cannot redefine existing table", "write this table once, with all of its keys in it"},
    Remedy{"cannot redefine existing array", "write it as [[name]], in double brackets, each time"},
    Remedy{"cannot redefine", "a key stands once in its table: remove one of the two"},
    Remedy{"table header: expected ']'", "close the header: [dataplane], or [[port]]"},
    Remedy{"inline table", "keep { ... } on one line, with commas between its keys"},
    Remedy{"array:", "put commas between the values and ] after the last one"},
    Remedy{"expected '='", "write key = value"},
    Remedy{"expected value", "write a value behind the equals sign"},
    Remedy{"escape sequence", "write a backslash as \\\\, or put the text in single quotes"},
    Remedy{"string:", "close the string with its quote on the same line"},
    Remedy{"expected a comment or whitespace", "write one key on each line"},
    Remedy{"utf-8", "save the file as UTF-8"},
};

std::string remedy_for(std::string_view description) {
  const auto fits = [&](const Remedy& remedy) {
    return description.find(remedy.words) != std::string_view::npos;
  };
  const auto it = std::ranges::find_if(remedies, fits);
  return std::string(it == remedies.end() ? "write key = value, [table] or [[table]]" : it->text);
}

std::string what_of(std::string_view description) {
  constexpr std::string_view prefix = "Error while parsing ";
  if (!description.starts_with(prefix)) return "syntax error: " + std::string(description);
  return "syntax error in " + std::string(description.substr(prefix.size()));
}

}  // namespace

std::expected<toml::table, FileError> parse_toml(std::string_view text, std::string_view file) {
  if (auto refusal = refuse_before_parsing(text))
    return std::unexpected(FileError{std::string(file), refusal->position.line,
                                     refusal->position.column, std::move(refusal->what),
                                     std::move(refusal->remedy)});
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    return std::unexpected(FileError{std::string(file), std::max<std::uint32_t>(at.line, 1),
                                     std::max<std::uint32_t>(at.column, 1),
                                     what_of(error.description()),
                                     remedy_for(error.description())});
  }
}

}  // namespace sluice::control
