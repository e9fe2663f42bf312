#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/prefix.h"

namespace sluice {

/// One entry of a deny or allow list: a prefix, or "@name" for all of a [[prefix_list]].
struct AccessItem {
  std::string list;  // the name without '@'; empty: `prefix` is meant
  Prefix prefix;

  /// "192.0.2.0/24", a bare address, or "@name".
  [[nodiscard]] static std::optional<AccessItem> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  friend auto operator<=>(const AccessItem&, const AccessItem&) = default;
};

/// Who may send to every VIP, whatever the service says.
struct AccessConfig {
  std::vector<AccessItem> deny;
  std::vector<AccessItem> allow;

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("deny", self.deny);
    visit("allow", self.allow);
  }
  friend bool operator==(const AccessConfig&, const AccessConfig&) = default;
};

/// Prefixes under a name. What stands in `file` is in `prefixes` by the time anybody sees this: the
/// control plane reads files, the data plane does not.
struct PrefixListConfig {
  std::string name;
  std::string file;  // where they came from; empty: they were written in the configuration
  std::vector<Prefix> prefixes;

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("name", self.name);
    visit("file", self.file);
    visit("prefixes", self.prefixes);
  }
  friend bool operator==(const PrefixListConfig&, const PrefixListConfig&) = default;
};

}  // namespace sluice
