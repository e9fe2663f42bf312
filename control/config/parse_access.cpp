#include "control/config/parse_access.h"

#include <toml++/toml.h>

#include "control/config/convert.h"
#include "control/config/prefix_file.h"

namespace sluice::control {
namespace {

constexpr Range rates{0, 100'000'000};

Converted<Prefix> to_prefix(std::string_view key, const toml::node& node) {
  const auto text = node.value_exact<std::string_view>();
  if (!text)
    return std::unexpected(wrong_type(key, node, "write a prefix in quotes: \"192.0.2.0/24\""));
  if (const auto prefix = Prefix::parse(*text)) return *prefix;
  return std::unexpected(no_prefix(key, *text));
}

Converted<AccessItem> to_access_item(std::string_view key, const toml::node& node) {
  const auto text = node.value_exact<std::string_view>();
  if (!text)
    return std::unexpected(wrong_type(
        key, node, "write a prefix or the name of a list in quotes: \"192.0.2.0/24\", \"@bad\""));
  if (const auto item = AccessItem::parse(*text)) return *item;
  Complaint complaint = no_prefix(key, *text);
  complaint.remedy += ", or the name of a [[prefix_list]]: \"@bad\"";
  return std::unexpected(std::move(complaint));
}

Converted<std::uint32_t> to_rate(std::string_view key, const toml::node& node) {
  const auto value = to_number(key, node, rates);
  if (!value) return std::unexpected(value.error());
  return static_cast<std::uint32_t>(*value);
}

Converted<std::string> to_path(std::string_view key, const toml::node& node) {
  return to_text(key, node, "/etc/sluice/bad.txt");
}

}  // namespace

void read_access(TableReader& table, AccessConfig& out) {
  table.many("deny", out.deny, to_access_item);
  table.many("allow", out.allow, to_access_item);
  table.finish();
}

void read_prefix_list(TableReader& table, PrefixListConfig& out) {
  table.require("name", "name = \"bad\"");
  table.one("name", out.name,
            [](std::string_view key, const toml::node& node) { return to_text(key, node, "bad"); });
  std::vector<Prefix> inline_prefixes;
  table.many("prefixes", inline_prefixes, to_prefix);
  table.one("file", out.prefixes, [&out](std::string_view key, const toml::node& node) {
    auto path = to_path(key, node);
    if (!path) return Converted<std::vector<Prefix>>(std::unexpected(path.error()));
    out.file = *path;
    return read_prefix_file(*path);
  });
  out.prefixes.insert(out.prefixes.end(), inline_prefixes.begin(), inline_prefixes.end());
  table.finish();
}

void read_guards(TableReader& table, ServiceConfig& out) {
  table.many("deny", out.deny, to_access_item);
  table.many("allow", out.allow, to_access_item);
  table.one("source_packets_per_second", out.source_packets_per_second, to_rate);
  table.one("source_packets_burst", out.source_packets_burst, to_rate);
  table.one("source_connections_per_second", out.source_connections_per_second, to_rate);
  table.one("source_connections_burst", out.source_connections_burst, to_rate);
  table.one("source_connections", out.source_connections, to_rate);
  table.one("limit_netmask6", out.limit_netmask6,
            [](std::string_view key, const toml::node& node) -> Converted<std::uint8_t> {
              const auto bits = to_number(key, node, {32, 128});
              if (!bits) return std::unexpected(bits.error());
              return static_cast<std::uint8_t>(*bits);
            });
}

}  // namespace sluice::control
