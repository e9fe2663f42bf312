#include "core/config/quic_routes.h"

#include <bit>
#include <cstring>

namespace sluice {

QuicRoutes::QuicRoutes(std::span<const QuicLbConfig> configs, std::span<const Server> servers)
    : places_(std::bit_ceil(2 * servers.size() + 1)), mask_(places_.size() - 1) {
  for (const QuicLbConfig& config : configs) codecs_[config.config_id].emplace(config);
  for (const auto& [id, backend] : servers) {
    std::size_t i = hash(id) & mask_;
    while (places_[i].id.length_bytes != 0) i = (i + 1) & mask_;
    places_[i] = {id, backend};
  }
}

std::optional<QuicServerId> QuicRoutes::decode(const QuicHeader& header) const {
  if (header.connection_id.empty()) return std::nullopt;
  const std::uint8_t config = quic_lb_config_of(header.connection_id[0]);
  if (config >= codecs_.size() || !codecs_[config]) return std::nullopt;
  return codecs_[config]->decode(header);
}

std::optional<std::uint32_t> QuicRoutes::owner(const QuicServerId& id) const {
  for (std::size_t i = hash(id) & mask_; places_[i].id.length_bytes != 0; i = (i + 1) & mask_)
    if (places_[i].id == id) return places_[i].backend;
  return std::nullopt;
}

std::size_t QuicRoutes::hash(const QuicServerId& id) {
  std::array<std::uint64_t, 2> words{};
  static_assert(sizeof words >= QuicServerId::bytes_max);
  std::memcpy(words.data(), id.bytes.data(), id.bytes.size());
  const std::uint64_t mixed = words[0] * 0x9e3779b97f4a7c15ULL + words[1] * 0xc2b2ae3d27d4eb4fULL;
  return static_cast<std::size_t>(mixed >> 32 ^ mixed);
}

}  // namespace sluice
