#include "control/config/paths_file.h"

#include <limits>
#include <set>
#include <toml++/toml.h>

#include "control/config/convert.h"
#include "control/config/findings.h"
#include "control/config/syntax.h"
#include "control/config/table_reader.h"

namespace sluice::control {
namespace {

Converted<std::string> to_port_name(std::string_view key, const toml::node& node) {
  return to_text(key, node, "wan0");
}

Converted<MacAddress> to_mac(std::string_view key, const toml::node& node) {
  const std::string wanted = "write a link address in quotes: \"02:00:0a:00:01:0b\"";
  const auto text = node.value_exact<std::string_view>();
  if (!text) return std::unexpected(wrong_type(key, node, wanted));
  if (const auto mac = MacAddress::parse(*text)) return *mac;
  return std::unexpected(Complaint{std::string(key) + " is no link address", wanted});
}

Converted<std::uint16_t> to_mtu(std::string_view key, const toml::node& node) {
  const auto mtu = to_number(key, node, {68, std::numeric_limits<std::uint16_t>::max()});
  if (!mtu) return std::unexpected(mtu.error());
  return static_cast<std::uint16_t>(*mtu);
}

Path read_path(TableReader& table) {
  Path out;
  table.require("destination", "destination = \"10.0.1.11\", the backend's address");
  table.one("destination", out.destination, to_address);
  table.require("port", "port = \"wan0\", the name of a [[port]]");
  table.one("port", out.port, to_port_name);
  table.require("source", "source = \"10.0.1.1\", our address towards the backend");
  table.one("source", out.source, to_address);
  table.require("source_mac", "source_mac = \"02:00:0a:00:01:01\"");
  table.one("source_mac", out.source_mac, to_mac);
  table.require("next_hop_mac", "next_hop_mac = \"02:00:0a:00:01:0b\"");
  table.one("next_hop_mac", out.next_hop_mac, to_mac);
  out.next_hop = out.destination;
  table.one("next_hop", out.next_hop, to_address);
  table.one("mtu", out.mtu_bytes, to_mtu);
  table.finish();
  return out;
}

}  // namespace

std::expected<Paths, std::vector<FileError>> parse_paths(std::string_view text,
                                                         std::string_view file) {
  const auto root = parse_toml(text, file);
  if (!root) return std::unexpected(std::vector{root.error()});
  Findings findings(file);
  Paths out;
  TableReader table(findings, *root, "", "this file");
  std::set<Address> seen;
  for (auto& entry : table.tables("path", "[[path]]")) {
    const std::string name = "path[" + std::to_string(out.entries.size()) + "]";
    out.entries.push_back(entry ? read_path(*entry) : Path{});
    const Path& path = out.entries.back();
    if (!entry || findings.is_unreadable(name + ".destination")) continue;
    if (!seen.insert(path.destination).second)
      findings.invalid({name + ".destination", path.destination.text() + " has a [[path]] already",
                        "remove one of the two"});
    if (path.source.family() != path.destination.family() &&
        !findings.is_unreadable(name + ".source"))
      findings.invalid({name + ".source",
                        "source " + path.source.text() + " is not of the destination's family",
                        "write an address of ours towards " + path.destination.text()});
  }
  table.finish();
  if (!findings.empty()) return std::unexpected(std::move(findings).take());
  return out;
}

}  // namespace sluice::control
