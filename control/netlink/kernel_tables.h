#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "control/netlink/message.h"
#include "control/netlink/route_socket.h"
#include "core/net/address.h"

namespace sluice::control {

/// The kernel's number of an interface.
enum class LinkIndex : std::uint32_t {};

struct Link {
  std::string name;
  MacAddress mac;
  std::uint32_t mtu_bytes = 0;
  bool is_running = false;  // up, and with a carrier
  friend bool operator==(const Link&, const Link&) = default;
};

/// What is known of the link address of a host on a link.
struct Neighbour {
  std::optional<MacAddress> mac;  // only one that may be used now
  bool is_stale = false;          // usable, but nobody has confirmed it for a while
};
using NeighbourKey = std::pair<LinkIndex, Address>;

struct Route {
  LinkIndex link{};
  std::optional<Address> gateway;  // of either family
  Address source;
  std::optional<std::uint32_t> mtu_bytes;
};

using Links = std::map<LinkIndex, Link>;
using Neighbours = std::map<NeighbourKey, Neighbour>;

/// Of an RTM_NEWLINK or RTM_DELLINK.
[[nodiscard]] std::optional<std::pair<LinkIndex, Link>> read_link(const NetlinkMessage& message);
/// Of an RTM_NEWNEIGH or RTM_DELNEIGH about an IPv4 or IPv6 neighbour; one that is gone has no link
/// address.
[[nodiscard]] std::optional<std::pair<NeighbourKey, Neighbour>> read_neighbour(
    const NetlinkMessage& message);

/// All of them now; nothing when the kernel did not answer.
[[nodiscard]] std::optional<Links> list_links(RouteSocket& socket);
[[nodiscard]] std::optional<Neighbours> list_neighbours(RouteSocket& socket);
/// Where the kernel would send a packet to `destination`; nothing for one of this host, a group, or
/// nowhere, nor for a route that encapsulates.
[[nodiscard]] std::optional<Route> find_route(RouteSocket& socket, const Address& destination);
/// Has the kernel find out the link address of a neighbour, or make sure of it. Not for a permanent
/// entry, which would lose its permanence (net/core/neighbour.c, NEIGH_UPDATE_F_USE).
void resolve(RouteSocket& socket, const NeighbourKey& neighbour);

}  // namespace sluice::control
