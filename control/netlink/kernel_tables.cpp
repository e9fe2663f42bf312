#include "control/netlink/kernel_tables.h"

#include <cerrno>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <sys/socket.h>

namespace sluice::control {
namespace {

constexpr std::uint16_t usable_states =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

std::uint8_t family_of(const Address& address) { return address.is_ipv4() ? AF_INET : AF_INET6; }

// A table that changes while it is listed may come out with a gap, and is listed again. After a few
// times what there is has to do: the change that disturbed it is also heard as an event.
template <typename Table, typename Fixed, typename Read>
std::optional<Table> list(RouteSocket& socket, std::uint16_t type, Read read) {
  constexpr int attempts_max = 4;
  Table out;
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    out.clear();
    NetlinkRequest request(type, NLM_F_DUMP, Fixed{});
    const int error = socket.ask(request, [&](const NetlinkMessage& message) {
      if (auto entry = read(message)) out.insert_or_assign(entry->first, std::move(entry->second));
    });
    if (error == 0) return out;
    if (error != EINTR) return std::nullopt;
  }
  return out;
}

std::optional<Address> read_gateway(const NetlinkAttributes& attributes) {
  if (const auto gateway = attributes.address(RTA_GATEWAY)) return gateway;
  // The next hop of an IPv4 route may have an IPv6 address: struct rtvia, a family and the address.
  const auto via = attributes.find(RTA_VIA);
  if (via.size() <= sizeof(rtvia)) return std::nullopt;
  return address_from_bytes(via.subspan(sizeof(rtvia)));
}

std::optional<Route> read_route(const NetlinkMessage& message) {
  const auto fixed = message.fixed<rtmsg>();
  if (message.type != RTM_NEWROUTE || !fixed || fixed->rtm_type != RTN_UNICAST) return std::nullopt;
  const auto attributes = message.attributes<rtmsg>();
  const auto link = attributes.value<std::uint32_t>(RTA_OIF);
  const auto source = attributes.address(RTA_PREFSRC);
  if (!link || !source || source->is_unspecified() || !attributes.find(RTA_ENCAP).empty())
    return std::nullopt;
  const NetlinkAttributes metrics(attributes.find(RTA_METRICS));
  return Route{.link = LinkIndex{*link},
               .gateway = read_gateway(attributes),
               .source = *source,
               .mtu_bytes = metrics.value<std::uint32_t>(RTAX_MTU)};
}

}  // namespace

std::optional<std::pair<LinkIndex, Link>> read_link(const NetlinkMessage& message) {
  const auto fixed = message.fixed<ifinfomsg>();
  if ((message.type != RTM_NEWLINK && message.type != RTM_DELLINK) || !fixed) return std::nullopt;
  const auto attributes = message.attributes<ifinfomsg>();
  const auto name = attributes.find(IFLA_IFNAME);
  constexpr unsigned running = IFF_UP | IFF_RUNNING;
  Link link;
  for (const std::uint8_t c : name)
    if (c != 0) link.name += static_cast<char>(c);
  link.mac = attributes.mac(IFLA_ADDRESS).value_or(MacAddress{});
  link.mtu_bytes = attributes.value<std::uint32_t>(IFLA_MTU).value_or(0);
  link.is_running = message.type == RTM_NEWLINK && (fixed->ifi_flags & running) == running;
  return std::pair(LinkIndex{static_cast<std::uint32_t>(fixed->ifi_index)}, std::move(link));
}

std::optional<std::pair<NeighbourKey, Neighbour>> read_neighbour(const NetlinkMessage& message) {
  const auto fixed = message.fixed<ndmsg>();
  if ((message.type != RTM_NEWNEIGH && message.type != RTM_DELNEIGH) || !fixed) return std::nullopt;
  if (fixed->ndm_family != AF_INET && fixed->ndm_family != AF_INET6) return std::nullopt;
  const auto attributes = message.attributes<ndmsg>();
  const auto address = attributes.address(NDA_DST);
  if (!address) return std::nullopt;
  Neighbour neighbour;
  if (message.type == RTM_NEWNEIGH && (fixed->ndm_state & usable_states) != 0)
    neighbour.mac = attributes.mac(NDA_LLADDR);
  neighbour.is_stale = (fixed->ndm_state & NUD_STALE) != 0;
  return std::pair(
      NeighbourKey{LinkIndex{static_cast<std::uint32_t>(fixed->ndm_ifindex)}, *address}, neighbour);
}

std::optional<Links> list_links(RouteSocket& socket) {
  return list<Links, ifinfomsg>(socket, RTM_GETLINK, read_link);
}

std::optional<Neighbours> list_neighbours(RouteSocket& socket) {
  return list<Neighbours, ndmsg>(socket, RTM_GETNEIGH, read_neighbour);
}

std::optional<Route> find_route(RouteSocket& socket, const Address& destination) {
  rtmsg fixed{};
  fixed.rtm_family = family_of(destination);
  fixed.rtm_dst_len = destination.is_ipv4() ? 32 : 128;
  NetlinkRequest request(RTM_GETROUTE, 0, fixed);
  request.put(RTA_DST, destination);
  std::optional<Route> out;
  const int error =
      socket.ask(request, [&](const NetlinkMessage& message) { out = read_route(message); });
  return error == 0 ? out : std::nullopt;
}

void resolve(RouteSocket& socket, const NeighbourKey& neighbour) {
  ndmsg fixed{};
  fixed.ndm_family = family_of(neighbour.second);
  fixed.ndm_ifindex = static_cast<int>(neighbour.first);
  fixed.ndm_flags = NTF_USE;
  NetlinkRequest request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, fixed);
  request.put(NDA_DST, neighbour.second);
  // Refused without CAP_NET_ADMIN: then health probes, which the kernel sends, do the same.
  static_cast<void>(socket.ask(request, [](const NetlinkMessage&) {}));
}

}  // namespace sluice::control
