#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/file.h"
#include "core/config/config.h"

namespace sluice::control {

/// A place in the file, both from 1; columns count characters.
struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  friend auto operator<=>(const Position&, const Position&) = default;
};

/// Where each value of the file stands, and what is wrong with it. Values are named as
/// `ConfigError` names them: "service[2].backend[1].address".
class Findings {
 public:
  explicit Findings(std::string_view file) : file_(file) {}

  /// The value `path` stands at `position`.
  void stands(std::string path, Position position) {
    positions_.insert_or_assign(std::move(path), position);
  }
  /// Where the value stands, or the nearest table around it that is in the file.
  [[nodiscard]] Position position_of(std::string_view path) const;

  /// The value `path` could not be read, so that the Config holds a default in its place.
  void unreadable(std::string path, Position position, std::string what, std::string remedy);
  /// Something is wrong that leaves the Config as it is.
  void wrong(Position position, std::string what, std::string remedy);
  /// What `validate` said, unless it judged a default that stands for a value that could not be
  /// read.
  void invalid(const ConfigError& error);

  /// Whether that is so of the value, or of an element of it.
  [[nodiscard]] bool is_unreadable(const std::string& path) const;
  [[nodiscard]] bool empty() const { return errors_.empty(); }
  /// All of them in order of place, none twice; after a thousand only how many more there are.
  [[nodiscard]] std::vector<FileError> take() &&;

 private:
  [[nodiscard]] bool rests_on_unreadable(std::string_view path) const;

  std::string file_;
  std::map<std::string, Position, std::less<>> positions_;
  std::set<std::string, std::less<>> unreadable_;
  std::vector<FileError> errors_;
};

}  // namespace sluice::control
