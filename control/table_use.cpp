#include "control/table_use.h"

#include <algorithm>

namespace sluice::control {
namespace {

struct Text {
  std::string_view name;
  std::string_view what;
  std::string_view remedy;
};

Text text_of(TableKind kind) {
  constexpr std::string_view raise = "raise flows_max";
  switch (kind) {
    case TableKind::flows4:
      return {"flows4", "flows of IPv4 clients", raise};
    case TableKind::flows6:
      return {"flows6", "flows of IPv6 clients", raise};
    case TableKind::nat_sessions:
      return {"nat_sessions", "NAT sessions", raise};
    case TableKind::nat_returns4:
      return {"nat_returns4", "answers to NAT sessions, IPv4", raise};
    case TableKind::nat_returns6:
      return {"nat_returns6", "answers to NAT sessions, IPv6", raise};
    case TableKind::fragments:
      return {"fragments", "fragmented datagrams", "see what sends so many fragments"};
    case TableKind::sources:
      return {"sources", "clients of services with limits per source", raise};
    case TableKind::wide_flows:
      return {"wide_flows", "flows of port ranges, VIP prefixes and any protocol", raise};
    case TableKind::count_:
      break;
  }
  return {};
}

}  // namespace

std::array<TableUse, table_kind_count> table_use(const CountersView& counters) {
  std::array<TableUse, table_kind_count> out;
  for (std::size_t kind = 0; kind < table_kind_count; ++kind) {
    TableUse& use = out[kind];
    const Text text = text_of(static_cast<TableKind>(kind));
    use.name = text.name;
    use.what = text.what;
    use.remedy = text.remedy;
    for (std::uint32_t worker = 0; worker < counters.workers(); ++worker) {
      const TableGauge gauge = counters.worker(worker).tables[kind];
      use.used_max = std::max(use.used_max, gauge.used_max);
      if (worker != 0 && gauge.used <= use.used) continue;
      use.worker = worker;
      use.used = gauge.used;
      use.size = gauge.size;
    }
  }
  return out;
}

std::vector<std::string> TableAlarms::update(const CountersView& counters) {
  std::vector<std::string> out;
  const auto uses = table_use(counters);
  for (std::size_t kind = 0; kind < uses.size(); ++kind) {
    const TableUse& use = uses[kind];
    const bool turns =
        alarmed_[kind] ? use.percent() < calm_percent : use.percent() >= alarm_percent;
    if (!turns) continue;
    alarmed_[kind] = !alarmed_[kind];
    const std::string table = "table " + std::string(use.name) + " (" + std::string(use.what) +
                              ") of worker " + std::to_string(use.worker);
    const std::string level = std::to_string(use.percent()) + "% of " + std::to_string(use.size);
    out.push_back(alarmed_[kind]
                      ? "ALARM: " + table + " is at " + level + ": " + std::string(use.remedy)
                      : table + " has room again: " + level);
  }
  return out;
}

}  // namespace sluice::control
