#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/net/address.h"

namespace sluice {

/// How packets reach one backend address from this host: what the kernel's routes and neighbours
/// say.
struct Path {
  Address destination;
  std::string port;  // the name of a [[port]]
  MacAddress source_mac;
  MacAddress next_hop_mac;
  Address source;    // our address towards the destination: the outer source of tunnels
  Address next_hop;  // for people; the destination itself when on-link
  std::uint16_t mtu_bytes = 1500;  // of the IP packet, without the link header

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("destination", self.destination);
    visit("port", self.port);
    visit("source_mac", self.source_mac);
    visit("next_hop_mac", self.next_hop_mac);
    visit("source", self.source);
    visit("next_hop", self.next_hop);
    visit("mtu", self.mtu_bytes);
  }
  friend bool operator==(const Path&, const Path&) = default;
};

/// The paths that are known now. A backend without one cannot be sent to.
struct Paths {
  std::vector<Path> entries;

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("entries", self.entries);
  }
  friend bool operator==(const Paths&, const Paths&) = default;
};

}  // namespace sluice
