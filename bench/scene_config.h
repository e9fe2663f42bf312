#pragma once

#include <cstddef>
#include <cstdint>

#include "core/config/config.h"
#include "core/config/paths.h"

namespace sluice::bench {

/// Of which packets of a connection a scene's traffic consists.
enum class Direction : std::uint8_t { forward, back };

/// What a worker is to do, and for how many.
struct SceneOptions {
  Forward mode = Forward::ipip;
  Family family = Family::ipv4;  // of clients
  Direction direction = Direction::forward;
  bool to_ipv4_servers = false;     // nat with clients of IPv6: NAT64
  std::size_t flows = 0;            // that it knows
  std::size_t table_flows = 0;      // that its tables are made for; 0: `flows`
  std::size_t services = 1;         // each with a VIP and backends of its own
  std::size_t denied_prefixes = 0;  // none of which has a client
  bool has_limits = false;          // per source, which no client reaches
  bool is_stateless = false;        // UDP, each datagram picked anew
  unsigned fresh_percent = 0;       // of the packets: of flows that were never seen before
  bool fresh_are_syns = false;      // which open them and never go on
  bool has_full_table = false;      // such SYNs have filled what the known flows left of it
  friend bool operator==(const SceneOptions&, const SceneOptions&) = default;
};

/// `base` with the number added to its last four bytes, each by itself.
[[nodiscard]] Address numbered(const char* base, std::size_t number);

/// Service i of a scene has this VIP.
[[nodiscard]] Address vip_of(Family family, std::size_t service);

/// The configuration, with one port, wan0.
[[nodiscard]] Config make_config(const SceneOptions& options);
/// How each of its backends is reached.
[[nodiscard]] Paths make_paths(const Config& config);

}  // namespace sluice::bench
