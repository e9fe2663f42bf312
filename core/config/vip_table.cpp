#include "core/config/vip_table.h"

#include <bit>
#include <span>

namespace sluice {

VipTable::VipTable(const std::vector<Listener>& listeners,
                   const std::vector<OwnAddress>& addresses) {
  listeners_mask_ = std::bit_ceil(2 * listeners.size() + 1) - 1;
  addresses_mask_ = std::bit_ceil(2 * addresses.size() + 1) - 1;
  const auto listener_table = std::make_shared<Listener[]>(listeners_mask_ + 1);
  const auto address_table = std::make_shared<OwnAddress[]>(addresses_mask_ + 1);
  const std::span listener_places(listener_table.get(), listeners_mask_ + 1);
  const std::span address_places(address_table.get(), addresses_mask_ + 1);
  for (Listener entry : listeners) {
    std::size_t i = hash(entry.vip, entry.port, entry.protocol) & listeners_mask_;
    while (listener_places[i].used) i = (i + 1) & listeners_mask_;
    entry.used = true;
    listener_places[i] = entry;
  }
  for (OwnAddress entry : addresses) {
    std::size_t i = hash(entry.address, {}, {}) & addresses_mask_;
    while (address_places[i].used) i = (i + 1) & addresses_mask_;
    entry.used = true;
    address_places[i] = entry;
  }
  listeners_ = listener_table;
  addresses_ = address_table;
}

}  // namespace sluice
