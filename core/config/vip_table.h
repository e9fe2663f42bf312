#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/net/address.h"

namespace sluice {

/// What a client's packets have to pass before they are forwarded. In the table, so that services
/// without any pay nothing.
struct Guards {
  bool access : 1 = false;   // deny or allow lists, of the service or of all
  bool sources : 1 = false;  // limits per source
  // Not to pass, but to be asked first: QUIC's connection IDs, whatever the flow table says.
  bool connection_ids : 1 = false;
  [[nodiscard]] bool any() const { return access || sources; }
};

/// What a destination address means to us.
struct OwnAddress {
  static constexpr std::uint16_t no_source = 0xffff;
  Address address;
  bool used = false;
  bool is_vip = false;
  std::uint16_t source_index =
      no_source;  // into Snapshot::sources, for an address of a source pool
};

/// Exact-match look-up from destination to listener, built off the packet path. Open addressing at
/// a load of at most one half, so a miss ends quickly; two probes of adjacent memory in the common
/// case. Copies share the entries.
class VipTable {
 public:
  struct Listener {
    Address vip;
    Be16 port;
    Protocol protocol{};
    bool used = false;
    bool is_local = false;  // its packets are for the kernel of this host
    std::uint16_t id = 0;
    std::uint16_t service = 0;
    Guards guards{};
  };

  VipTable() = default;
  VipTable(const std::vector<Listener>& listeners, const std::vector<OwnAddress>& addresses);

  /// The listener of a packet's destination, or nothing.
  [[nodiscard]] const Listener* find(const Address& vip, Be16 port, Protocol protocol) const {
    for (std::size_t i = hash(vip, port, protocol);; ++i) {
      const Listener& entry = listeners_[i & listeners_mask_];
      if (!entry.used) return nullptr;
      if (entry.vip == vip && entry.port == port && entry.protocol == protocol) return &entry;
    }
  }
  /// Whether an address is a VIP or a source of ours; null when it is neither.
  [[nodiscard]] const OwnAddress* find(const Address& address) const {
    for (std::size_t i = hash(address, {}, {});; ++i) {
      const OwnAddress& entry = addresses_[i & addresses_mask_];
      if (!entry.used) return nullptr;
      if (entry.address == address) return &entry;
    }
  }

  /// Where to look for a destination first, before it is reduced to the size of the table.
  [[nodiscard]] static std::size_t hash(const Address& address, Be16 port, Protocol protocol) {
    const std::uint64_t rest =
        static_cast<std::uint64_t>(port.raw()) << 8 | static_cast<std::uint64_t>(protocol);
    // The last byte of an address, in which neighbours differ, is the highest one of its half here:
    // only the upper half of a product of two words spreads it.
    __extension__ using Product = unsigned __int128;
    const std::uint64_t folded =
        address.raw_low() ^ rest ^ address.raw_high() * 0xc2b2ae3d27d4eb4fULL;
    const Product product = static_cast<Product>(folded) * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::size_t>(static_cast<std::uint64_t>(product >> 64) ^
                                    static_cast<std::uint64_t>(product) >> 32);
  }

 private:
  // One empty entry, so that an empty table needs no special case.
  std::shared_ptr<const Listener[]> listeners_ = std::make_shared<Listener[]>(1);
  std::shared_ptr<const OwnAddress[]> addresses_ = std::make_shared<OwnAddress[]>(1);
  std::size_t listeners_mask_ = 0;
  std::size_t addresses_mask_ = 0;
};

}  // namespace sluice
