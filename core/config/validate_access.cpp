#include "core/config/validate_access.h"

#include <cstddef>
#include <map>
#include <string_view>

namespace sluice {
namespace {

constexpr std::size_t prefixes_max = 1'000'000;  // in all lists together
constexpr std::uint32_t rate_max = 100'000'000;
constexpr std::uint8_t netmask6_min = 32;

using Lists = std::map<std::string_view, const PrefixListConfig*>;

Lists check_prefix_lists(const ConfigScope& root, const Config& config) {
  Lists out;
  std::size_t prefixes = 0;
  for (std::size_t i = 0; i < config.prefix_lists.size(); ++i) {
    const PrefixListConfig& list = config.prefix_lists[i];
    const ConfigScope scope = root.at(indexed("prefix_list", i));
    prefixes += list.prefixes.size();
    if (list.name.empty())
      scope.error("name", "a prefix list has no name", "write name = \"bad\"");
    else if (!out.emplace(list.name, &list).second)
      scope.error("name", "there are two prefix lists called \"" + list.name + "\"",
                  "give this one another name");
  }
  if (prefixes > prefixes_max)
    root.error("prefix_list",
               "the prefix lists have " + std::to_string(prefixes) + " prefixes together",
               "at most " + std::to_string(prefixes_max) + " are supported");
  return out;
}

void check_items(const ConfigScope& scope, std::string_view key,
                 const std::vector<AccessItem>& items, const Lists& lists) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].list.empty()) continue;
    const auto list = lists.find(items[i].list);
    if (list == lists.end())
      scope.error(indexed(key, i), "there is no prefix list called \"" + items[i].list + "\"",
                  "write a [[prefix_list]] with that name, or a prefix");
    else if (key == "allow" && list->second->prefixes.empty())
      scope.error(indexed(key, i),
                  "prefix list \"" + items[i].list + "\" is empty, so allow would shut all out",
                  "put the prefixes of those who may come in on the list, or leave out allow");
  }
}

void check_limits(const ConfigScope& scope, const ServiceConfig& service) {
  scope.range<std::uint32_t>("source_packets_per_second", service.source_packets_per_second, 0,
                             rate_max);
  scope.range<std::uint32_t>("source_connections_per_second", service.source_connections_per_second,
                             0, rate_max);
  scope.range<std::uint32_t>("source_packets_burst", service.source_packets_burst, 0, rate_max);
  scope.range<std::uint32_t>("source_connections_burst", service.source_connections_burst, 0,
                             rate_max);
  scope.range<std::uint32_t>("source_connections", service.source_connections, 0, rate_max);
  scope.range<std::uint8_t>("limit_netmask6", service.limit_netmask6, netmask6_min, 128);
  const auto needs = [&](std::string_view key, std::uint32_t value, std::string_view rate_key,
                         std::uint32_t rate) {
    if (value != 0 && rate == 0)
      scope.error(key, std::string(key) + " does nothing without " + std::string(rate_key),
                  "write " + std::string(rate_key) + " too, or leave out both");
  };
  needs("source_packets_burst", service.source_packets_burst, "source_packets_per_second",
        service.source_packets_per_second);
  needs("source_connections_burst", service.source_connections_burst,
        "source_connections_per_second", service.source_connections_per_second);
}

}  // namespace

void check_access(const ConfigScope& root, const Config& config) {
  const Lists lists = check_prefix_lists(root, config);
  check_items(root.at("access"), "deny", config.access.deny, lists);
  check_items(root.at("access"), "allow", config.access.allow, lists);
  for (std::size_t i = 0; i < config.services.size(); ++i) {
    const ConfigScope scope = root.at(indexed("service", i));
    check_items(scope, "deny", config.services[i].deny, lists);
    check_items(scope, "allow", config.services[i].allow, lists);
    check_limits(scope, config.services[i]);
  }
}

}  // namespace sluice
