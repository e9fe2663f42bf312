#include "bench/packets/cases.h"

#include <utility>

namespace sluice::bench {
namespace {

constexpr std::size_t thousand = 1'000;
constexpr std::size_t million = 1'000'000;
// Room for the flows that begin while figures are taken; the tables are as large as for 10 M.
constexpr std::size_t roomy_table_flows = 8 * million;

std::string flows_text(std::size_t flows) {
  if (flows >= million) return std::to_string(flows / million) + "M";
  return flows >= thousand ? std::to_string(flows / thousand) + "k" : std::to_string(flows);
}

// `kind`: "ipip4"; flows and `what` follow it in the name.
Case make(const std::string& kind, SceneOptions options, const std::string& what = "") {
  return {.name = kind + "/" + flows_text(options.flows) + (what.empty() ? "" : "/" + what),
          .options = options};
}

Case ipip(Family family, std::size_t flows) {
  return make(family == Family::ipv4 ? "ipip4" : "ipip6", {.family = family, .flows = flows});
}
Case ipip4(std::size_t flows) { return ipip(Family::ipv4, flows); }

Group tunnel() {
  Group out{"tunnel", {}};
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const std::size_t flows :
         {std::size_t{1}, 10 * thousand, 64 * thousand, million, 10 * million})
      out.cases.push_back(ipip(family, flows));
  return out;
}

Group modes() {
  Group out{"modes", {}};
  for (const std::size_t flows : {std::size_t{1}, 64 * thousand, million}) {
    out.cases.push_back(ipip4(flows));
    for (const auto& [name, mode] :
         {std::pair("gue4", Forward::gue), std::pair("gre4", Forward::gre),
          std::pair("l2dsr4", Forward::l2dsr), std::pair("l3dsr4", Forward::l3dsr)})
      out.cases.push_back(make(name, {.mode = mode, .flows = flows}));
  }
  return out;
}

Group nat() {
  Group out{"nat", {}};
  const auto add_both = [&out](const std::string& name, SceneOptions options) {
    options.mode = Forward::nat;
    out.cases.push_back(make(name, options));
    options.direction = Direction::back;
    out.cases.push_back(make(name + "_return", options));
  };
  for (const std::size_t flows : {std::size_t{1}, 64 * thousand, million}) {
    out.cases.push_back(ipip4(flows));
    add_both("nat4", {.flows = flows});
  }
  add_both("nat6", {.family = Family::ipv6, .flows = million});
  add_both("nat64", {.family = Family::ipv6, .to_ipv4_servers = true, .flows = million});
  return out;
}

Group fresh() {
  Group out{"new", {ipip4(million)}};
  for (const unsigned percent : {1U, 10U, 100U})
    out.cases.push_back(make(
        "ipip4", {.flows = million, .table_flows = roomy_table_flows, .fresh_percent = percent},
        "new=" + std::to_string(percent) + "%"));
  out.cases.push_back(make("ipip6",
                           {.family = Family::ipv6,
                            .flows = million,
                            .table_flows = roomy_table_flows,
                            .fresh_percent = 100},
                           "new=100%"));
  out.cases.push_back(make("nat4",
                           {.mode = Forward::nat,
                            .flows = million,
                            .table_flows = roomy_table_flows / 2,
                            .fresh_percent = 100},
                           "new=100%"));
  out.cases.push_back(make("stateless4", {.flows = million, .is_stateless = true}));
  const SceneOptions flood{
      .flows = million, .fresh_percent = 100, .fresh_are_syns = true, .has_full_table = true};
  out.cases.push_back(make("ipip4", flood, "flood=100%"));
  SceneOptions beside = flood;
  beside.fresh_percent = 50;
  out.cases.push_back(make("ipip4", beside, "flood=50%"));
  return out;
}

Group scale() {
  Group out{"scale", {}};
  for (const std::size_t flows : {64 * thousand, million}) {
    out.cases.push_back(ipip4(flows));
    for (const std::size_t services : {std::size_t{100}, std::size_t{1'000}})
      out.cases.push_back(make("ipip4", {.flows = flows, .services = services},
                               "services=" + std::to_string(services)));
    out.cases.push_back(make("ipip4", {.flows = flows, .denied_prefixes = 10'000}, "deny=10000"));
    Case reloading = make("ipip4", {.flows = flows}, "reload");
    reloading.reloads = true;
    out.cases.push_back(reloading);
  }
  return out;
}

}  // namespace

std::vector<Group> all_groups() { return {tunnel(), modes(), nat(), fresh(), scale()}; }

}  // namespace sluice::bench
