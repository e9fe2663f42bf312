#include "control/netlink/path_finder.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "control/netlink/kernel_tables.h"
#include "control/netlink/route_socket.h"

namespace sluice::control {
namespace {

std::vector<Address> sorted_once(std::vector<Address> addresses) {
  std::ranges::sort(addresses);
  const auto repeated = std::ranges::unique(addresses);
  addresses.erase(repeated.begin(), repeated.end());
  return addresses;
}

std::uint16_t usable_mtu(const Link& link, const Route& route) {
  const std::uint32_t mtu = std::min(link.mtu_bytes, route.mtu_bytes.value_or(link.mtu_bytes));
  return static_cast<std::uint16_t>(
      std::min<std::uint32_t>(mtu, std::numeric_limits<std::uint16_t>::max()));
}

}  // namespace

struct PathFinder::State {
  RouteSocket requests;
  RouteSocket events;
  // What the kernel last said. Kept when it does not answer: old paths are better than none.
  Links links;
  Neighbours neighbours;
  // What the last `find` went by, to tell an event that matters from noise.
  std::map<NeighbourKey, std::optional<MacAddress>> next_hops;

  [[nodiscard]] bool matters(const NetlinkMessage& message) const;
};

// The kernel reports every state that a neighbour goes through, those that our own resolution
// brings about too, and links for their statistics. Routes and addresses are rare enough to look
// again for each.
bool PathFinder::State::matters(const NetlinkMessage& message) const {
  if (const auto link = read_link(message)) {
    const auto known = links.find(link->first);
    return known == links.end() ? message.type == RTM_NEWLINK : known->second != link->second;
  }
  if (message.type == RTM_NEWNEIGH || message.type == RTM_DELNEIGH) {
    const auto neighbour = read_neighbour(message);
    if (!neighbour) return false;
    const auto known = next_hops.find(neighbour->first);
    return known != next_hops.end() && known->second != neighbour->second.mac;
  }
  return true;
}

std::expected<PathFinder, Error> PathFinder::open() {
  auto requests = RouteSocket::open({});
  if (!requests) return std::unexpected(requests.error());
  auto events = RouteSocket::open({RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE,
                                   RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR});
  if (!events) return std::unexpected(events.error());
  return PathFinder(
      std::make_unique<State>(State{std::move(*requests), std::move(*events), {}, {}, {}}));
}

PathFinder::PathFinder(std::unique_ptr<State> state) : state_(std::move(state)) {}
PathFinder::PathFinder(PathFinder&&) noexcept = default;
PathFinder& PathFinder::operator=(PathFinder&&) noexcept = default;
PathFinder::~PathFinder() = default;

int PathFinder::changes() const { return state_->events.descriptor(); }

bool PathFinder::drain_changes() {
  bool any = false;
  const bool complete = state_->events.drain(
      [&](const NetlinkMessage& message) { any = any || state_->matters(message); });
  return any || !complete;
}

Paths PathFinder::find(const std::vector<Address>& destinations,
                       const std::vector<PortConfig>& ports) {
  // One listing for all destinations; only routes are looked up one by one, as a packet would be.
  if (auto links = list_links(state_->requests)) state_->links = std::move(*links);
  if (auto listed = list_neighbours(state_->requests)) state_->neighbours = std::move(*listed);
  const Neighbours& neighbours = state_->neighbours;
  state_->next_hops.clear();
  std::map<std::string_view, std::string_view> port_of_interface;
  for (const PortConfig& port : ports)
    port_of_interface.emplace(port.kernel_interface(), port.name);
  std::set<NeighbourKey> to_resolve;
  Paths out;
  for (const Address& destination : sorted_once(destinations)) {
    const auto route = find_route(state_->requests, destination);
    if (!route) continue;
    const auto link = state_->links.find(route->link);
    if (link == state_->links.end() || !link->second.is_running) continue;
    const auto port = port_of_interface.find(link->second.name);
    if (port == port_of_interface.end()) continue;
    const NeighbourKey next_hop{route->link, route->gateway.value_or(destination)};
    const auto known = neighbours.find(next_hop);
    const Neighbour neighbour = known == neighbours.end() ? Neighbour{} : known->second;
    state_->next_hops.emplace(next_hop, neighbour.mac);
    if (!neighbour.mac || neighbour.is_stale) to_resolve.insert(next_hop);
    if (!neighbour.mac) continue;
    out.entries.push_back({.destination = destination,
                           .port = std::string(port->second),
                           .source_mac = link->second.mac,
                           .next_hop_mac = *neighbour.mac,
                           .source = route->source,
                           .next_hop = next_hop.second,
                           .mtu_bytes = usable_mtu(link->second, *route)});
  }
  for (const NeighbourKey& next_hop : to_resolve) resolve(state_->requests, next_hop);
  return out;
}

}  // namespace sluice::control
