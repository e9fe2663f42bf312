#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <utility>
#include <vector>

#include "control/config/convert.h"
#include "control/config/findings.h"

namespace sluice::control {

/// One table of the file, key by key. A key that is not there leaves its value alone; one that is
/// wrong does too, and is reported with its place. The keys asked for are the known ones: `finish`
/// reports every other.
class TableReader {
 public:
  /// `title` is for messages: "[[service.backend]]". All three live longer than the reader.
  TableReader(Findings& findings, const toml::table& table, std::string path,
              std::string_view title);

  /// `finish` is to report this key when it is missing; `example` is a line of the file that has
  /// it.
  void require(std::string_view key, std::string_view example);

  /// `convert` takes a key and a node, and gives a Converted.
  template <typename T, typename Convert>
  void one(std::string_view key, T& out, Convert convert) {
    if (const toml::node* node = find(key)) take(path_of(key), key, *node, out, convert);
  }
  /// A list, or one value for a list of one. What cannot be read is a default in the list, so that
  /// indexes stay true.
  template <typename T, typename Convert>
  void many(std::string_view key, std::vector<T>& out, Convert convert) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const toml::array* list = node->as_array();
    out.assign(list ? list->size() : 1, T{});
    if (list == nullptr) return take(path_of(key), key, *node, out[0], convert);
    stands(path_of(key), *node);
    for (std::size_t i = 0; i < list->size(); ++i)
      take(path_of(key) + "[" + std::to_string(i) + "]", key, (*list)[i], out[i], convert);
  }

  /// The table under `key`, if there is one; `title` shows how it is written.
  [[nodiscard]] std::optional<TableReader> table(std::string_view key, std::string_view title);
  /// The tables under `key`. One that is something else is reported and has no reader.
  [[nodiscard]] std::vector<std::optional<TableReader>> tables(std::string_view key,
                                                               std::string_view title);

  /// A key that people put here but belongs elsewhere, where its value is called `meant`: reported
  /// when it is here.
  void misplaced(std::string_view key, std::string meant, std::string_view remedy);
  /// Reports the keys that nobody asked for, and the required ones that are missing; of a required
  /// key that is misspelt only the spelling.
  void finish();

  /// After `finish`: whether the key is there, perhaps misspelt, but its value is not known.
  [[nodiscard]] bool is_unreadable(std::string_view key) const;

 private:
  struct Requirement {
    std::string_view key;
    std::string_view example;
  };

  void report_unknown(const toml::key& key);
  [[nodiscard]] const toml::node* find(std::string_view key);
  [[nodiscard]] std::string path_of(std::string_view key) const;
  void stands(std::string path, const toml::node& node);
  void unreadable(std::string path, const toml::node& node, Complaint complaint);

  template <typename T, typename Convert>
  void take(std::string path, std::string_view key, const toml::node& node, T& out,
            Convert convert) {
    stands(path, node);
    auto value = convert(key, node);
    if (!value) return unreadable(std::move(path), node, std::move(value).error());
    out = T(std::move(*value));
  }

  Findings& findings_;
  const toml::table& table_;
  std::string path_;
  std::string_view title_;
  std::vector<std::string_view> known_;
  std::vector<std::string_view> reported_;
  std::vector<Requirement> requirements_;
};

}  // namespace sluice::control
