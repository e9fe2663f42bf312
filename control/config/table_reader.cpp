#include "control/config/table_reader.h"

#include <algorithm>

namespace sluice::control {
namespace {

Position begin_of(const toml::source_region& region) {
  return {static_cast<std::uint32_t>(region.begin.line),
          static_cast<std::uint32_t>(region.begin.column)};
}

constexpr std::size_t shown_bytes_max = 60;

}  // namespace

TableReader::TableReader(Findings& findings, const toml::table& table, std::string path,
                         std::string_view title)
    : findings_(findings), table_(table), path_(std::move(path)), title_(title) {
  if (!path_.empty()) stands(path_, table);
}

const toml::node* TableReader::find(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

std::string TableReader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void TableReader::stands(std::string path, const toml::node& node) {
  findings_.stands(std::move(path), begin_of(node.source()));
}

void TableReader::unreadable(std::string path, const toml::node& node, Complaint complaint) {
  findings_.unreadable(std::move(path), begin_of(node.source()), std::move(complaint.what),
                       std::move(complaint.remedy));
}

void TableReader::require(std::string_view key, std::string_view example) {
  requirements_.push_back({key, example});
}

std::optional<TableReader> TableReader::table(std::string_view key, std::string_view title) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (const toml::table* table = node->as_table())
    return TableReader(findings_, *table, path_of(key), title);
  unreadable(path_of(key), *node,
             wrong_type(key, *node, "write it once, as a table: " + std::string(title)));
  return std::nullopt;
}

std::vector<std::optional<TableReader>> TableReader::tables(std::string_view key,
                                                            std::string_view title) {
  const toml::node* node = find(key);
  if (node == nullptr) return {};
  const std::string wanted = "write " + std::string(title) + ", in double brackets, once for each";
  const toml::array* list = node->as_array();
  if (list == nullptr) {
    unreadable(path_of(key), *node, wrong_type(key, *node, wanted));
    return {};
  }
  stands(path_of(key), *node);
  std::vector<std::optional<TableReader>> out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const toml::node& element = (*list)[i];
    std::string path = path_of(key) + "[" + std::to_string(i) + "]";
    if (const toml::table* table = element.as_table()) {
      out.emplace_back(TableReader(findings_, *table, std::move(path), title));
      continue;
    }
    unreadable(std::move(path), element, wrong_type(key, element, wanted));
    out.emplace_back(std::nullopt);
  }
  return out;
}

void TableReader::misplaced(std::string_view key, std::string meant, std::string_view remedy) {
  const auto it = table_.find(key);
  if (it == table_.cend()) return;
  reported_.push_back(key);
  findings_.unreadable(std::move(meant), begin_of(it->first.source()),
                       std::string(key) + " does not belong here", std::string(remedy));
}

void TableReader::report_unknown(const toml::key& key) {
  const std::string_view name = key.str();
  const Position position = begin_of(key.source());
  std::string what = "unknown key \"" + shortened(name, shown_bytes_max) + '"';
  const auto near = nearest(name, known_);
  if (!near)
    return findings_.wrong(position, std::move(what),
                           "the keys of " + std::string(title_) + " are " + quoted_list(known_));
  std::string remedy = "did you mean \"" + std::string(*near) + "\"?";
  if (table_.contains(*near)) return findings_.wrong(position, std::move(what), std::move(remedy));
  findings_.unreadable(path_of(*near), position, std::move(what), std::move(remedy));
}

bool TableReader::is_unreadable(std::string_view key) const {
  return findings_.is_unreadable(path_of(key));
}

void TableReader::finish() {
  for (const auto& [key, node] : table_) {
    const std::string_view name = key.str();
    if (std::ranges::count(known_, name) + std::ranges::count(reported_, name) == 0)
      report_unknown(key);
  }
  for (const auto& [key, example] : requirements_) {
    if (table_.contains(key) || is_unreadable(key)) continue;
    findings_.unreadable(path_of(key), findings_.position_of(path_),
                         std::string(title_) + " has no " + std::string(key),
                         "add " + std::string(example));
  }
}

}  // namespace sluice::control
