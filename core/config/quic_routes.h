#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/net/quic_header.h"
#include "core/net/quic_lb.h"

namespace sluice {

/// From a QUIC packet's connection ID to the backend that it names, for one service. Immutable, so
/// that the packet path may share it with whoever explains it.
class QuicRoutes {
 public:
  /// One server ID and the number of its backend (a BackendId).
  using Server = std::pair<QuicServerId, std::uint32_t>;

  /// `configs` are of different config_ids, and valid.
  QuicRoutes(std::span<const QuicLbConfig> configs, std::span<const Server> servers);

  /// The server ID in the packet's connection ID; nothing when that is unroutable
  /// (draft-ietf-quic-load-balancers-21 section 4.1) but for who has the server ID.
  [[nodiscard]] std::optional<QuicServerId> decode(const QuicHeader& header) const;
  /// The number of the backend with this server ID, if there is one.
  [[nodiscard]] std::optional<std::uint32_t> owner(const QuicServerId& id) const;

 private:
  struct Place {
    QuicServerId id;  // length zero: free
    std::uint32_t backend = 0;
  };
  [[nodiscard]] static std::size_t hash(const QuicServerId& id);

  std::array<std::optional<QuicLbCodec>, QuicLbConfig::config_id_max + 1> codecs_;
  std::vector<Place> places_;  // open addressing, at most half full
  std::size_t mask_ = 0;
};

}  // namespace sluice
