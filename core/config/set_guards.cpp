#include "core/config/set_guards.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/flow/five_tuple.h"

namespace sluice {
namespace {

using Items = std::vector<AccessItem>;

// The table of each pair of lists, built once however many services have it.
class AccessTables {
 public:
  AccessTables(const Config& config, const Snapshot* previous) : config_(config) {
    if (previous == nullptr || previous->config().prefix_lists != config.prefix_lists) return;
    const Config& before = previous->config();
    note(before.access.deny, before.access.allow, previous->access);
    for (std::size_t i = 0; i < before.services.size(); ++i)
      note(before.services[i].deny, before.services[i].allow, previous->services[i].access);
  }

  /// Null when there is nothing on either list.
  std::shared_ptr<const PrefixTable> of(const Items& deny, const Items& allow) {
    if (deny.empty() && allow.empty()) return nullptr;
    auto& table = tables_[{deny, allow}];
    if (table == nullptr) {
      std::vector<PrefixTable::Rule> rules;
      add(rules, deny, false);
      add(rules, allow, true);
      table = std::make_shared<const PrefixTable>(rules, allow.empty());
    }
    return table;
  }

 private:
  void note(const Items& deny, const Items& allow, std::shared_ptr<const PrefixTable> table) {
    if (table != nullptr) tables_[{deny, allow}] = std::move(table);
  }
  void add(std::vector<PrefixTable::Rule>& rules, const Items& items, bool answer) const {
    for (const AccessItem& item : items) {
      if (item.list.empty()) {
        rules.push_back({item.prefix, answer});
        continue;
      }
      const auto list = std::ranges::find(config_.prefix_lists, item.list, &PrefixListConfig::name);
      for (const Prefix& prefix : list->prefixes) rules.push_back({prefix, answer});
    }
  }

  const Config& config_;
  std::map<std::pair<Items, Items>, std::shared_ptr<const PrefixTable>> tables_;
};

// By name, for a service keeps its name when its place in the list changes.
std::uint64_t key_of(std::string_view service) {
  std::uint64_t out = service.size();
  for (const char c : service) out = mix64(out ^ static_cast<std::uint8_t>(c));
  return out;
}

SourceRules source_rules_of(const ServiceConfig& config) {
  return {.packets = Rate::of(config.source_packets_per_second, config.source_packets_burst),
          .connections =
              Rate::of(config.source_connections_per_second, config.source_connections_burst),
          .connections_max = config.source_connections,
          .netmask6 = config.limit_netmask6,
          .key = key_of(config.name)};
}

// A client's connections are found again by listener, service and netmask: when any of them
// changes, the counts so far mean nothing.
std::uint64_t signature_of(const Snapshot& snapshot) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < snapshot.listeners.size(); ++i) {
    const Listener& listener = snapshot.listeners[i];
    if (!listener.in_use) continue;
    const SourceRules& rules = snapshot.services[listener.service].source_rules;
    if (rules.limit_connections()) out = mix64(mix64(out ^ i) ^ rules.key ^ rules.netmask6);
  }
  return out;
}

}  // namespace

void set_guards(Snapshot& out, const Config& config, const Snapshot* previous) {
  AccessTables tables(config, previous);
  out.access = tables.of(config.access.deny, config.access.allow);
  for (std::size_t i = 0; i < config.services.size(); ++i) {
    Service& service = out.services.edit(i);
    service.access = tables.of(config.services[i].deny, config.services[i].allow);
    service.source_rules = source_rules_of(config.services[i]);
  }
  for (Listener& listener : out.listeners) {
    if (!listener.in_use) continue;
    const Service& service = out.services[listener.service];
    listener.guards = {.access = out.access != nullptr || service.access != nullptr,
                       .sources = service.source_rules.limit_anything(),
                       .connection_ids = service.quic != nullptr};
  }
  out.source_rules_signature = signature_of(out);
}

}  // namespace sluice
