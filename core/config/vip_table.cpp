#include "core/config/vip_table.h"

#include <bit>
#include <utility>

namespace sluice {

VipTable::VipTable(const std::vector<Listener>& listeners,
                   const std::vector<OwnAddress>& addresses) {
  listeners_mask_ = std::bit_ceil(2 * listeners.size() + 1) - 1;
  addresses_mask_ = std::bit_ceil(2 * addresses.size() + 1) - 1;
  auto listener_table = std::make_shared<Listener[]>(listeners_mask_ + 1);
  auto address_table = std::make_shared<OwnAddress[]>(addresses_mask_ + 1);
  for (Listener entry : listeners) {
    std::size_t i = hash(entry.vip, entry.port, entry.protocol) & listeners_mask_;
    while (listener_table[i].used) i = (i + 1) & listeners_mask_;
    entry.used = true;
    listener_table[i] = entry;
  }
  for (OwnAddress entry : addresses) {
    std::size_t i = hash(entry.address, {}, {}) & addresses_mask_;
    while (address_table[i].used) i = (i + 1) & addresses_mask_;
    entry.used = true;
    address_table[i] = entry;
  }
  listeners_ = std::move(listener_table);
  addresses_ = std::move(address_table);
}

}  // namespace sluice
