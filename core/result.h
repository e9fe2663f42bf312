#pragma once

#include <string>

namespace sluice {

/// Why something in the environment failed, for a person: what happened, where, and what to do
/// about it.
struct Error {
  std::string what;
  std::string where;   // file, device, address; may be empty
  std::string remedy;  // what to do; may be empty

  /// "what (where): remedy", leaving out what is empty.
  [[nodiscard]] std::string text() const {
    std::string out = what;
    if (!where.empty()) out += " (" + where + ")";
    if (!remedy.empty()) out += ": " + remedy;
    return out;
  }
};

}  // namespace sluice
