#include "core/config/diff_access.h"

#include <algorithm>
#include <iterator>

namespace sluice {
namespace {

// How many of `from` are not in `other`.
std::size_t count_missing(std::vector<Prefix> from, std::vector<Prefix> other) {
  std::ranges::sort(from);
  std::ranges::sort(other);
  std::vector<Prefix> out;
  std::ranges::set_difference(from, other, std::back_inserter(out));
  return out.size();
}

std::string size_text(const PrefixListConfig& list) {
  return std::to_string(list.prefixes.size()) + " prefixes";
}

const PrefixListConfig* find_list(const Config& config, const std::string& name) {
  const auto it = std::ranges::find(config.prefix_lists, name, &PrefixListConfig::name);
  return it == config.prefix_lists.end() ? nullptr : &*it;
}

void diff_lists(Plan& plan, const Config& before, const Config& after) {
  for (const PrefixListConfig& list : after.prefix_lists) {
    const PrefixListConfig* old = find_list(before, list.name);
    const std::string subject = "prefix list " + list.name;
    if (old == nullptr)
      plan.changes.push_back({Change::Kind::added, subject, size_text(list), false});
    else if (*old != list)
      plan.changes.push_back({Change::Kind::changed, subject,
                              std::to_string(count_missing(list.prefixes, old->prefixes)) +
                                  " prefixes added, " +
                                  std::to_string(count_missing(old->prefixes, list.prefixes)) +
                                  " removed, now " + std::to_string(list.prefixes.size()),
                              false});
  }
  for (const PrefixListConfig& list : before.prefix_lists)
    if (find_list(after, list.name) == nullptr)
      plan.changes.push_back({Change::Kind::removed, "prefix list " + list.name, "", false});
}

std::string items_text(const std::vector<AccessItem>& items) {
  std::string out = "[";
  for (const AccessItem& item : items) out += (out.size() > 1 ? ", " : "") + item.text();
  return out + "]";
}

}  // namespace

void diff_access(Plan& plan, const Config& before, const Config& after) {
  diff_lists(plan, before, after);
  std::string detail;
  const auto compare = [&](std::string_view name, const auto& old_items, const auto& new_items) {
    if (old_items == new_items) return;
    detail += (detail.empty() ? "" : ", ") + std::string(name) + " " + items_text(old_items) +
              " -> " + items_text(new_items);
  };
  compare("deny", before.access.deny, after.access.deny);
  compare("allow", before.access.allow, after.access.allow);
  if (!detail.empty()) plan.changes.push_back({Change::Kind::changed, "access", detail, false});
}

}  // namespace sluice
