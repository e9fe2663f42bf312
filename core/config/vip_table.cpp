#include "core/config/vip_table.h"

#include <bit>

namespace sluice {

VipTable::VipTable(const std::vector<Listener>& listeners,
                   const std::vector<OwnAddress>& addresses) {
  listeners_.assign(std::bit_ceil(2 * listeners.size() + 1), {});
  addresses_.assign(std::bit_ceil(2 * addresses.size() + 1), {});
  listeners_mask_ = listeners_.size() - 1;
  addresses_mask_ = addresses_.size() - 1;
  for (Listener entry : listeners) {
    std::size_t i = hash(entry.vip, entry.port, entry.protocol) & listeners_mask_;
    while (listeners_[i].used) i = (i + 1) & listeners_mask_;
    entry.used = true;
    listeners_[i] = entry;
  }
  for (OwnAddress entry : addresses) {
    std::size_t i = hash(entry.address, {}, {}) & addresses_mask_;
    while (addresses_[i].used) i = (i + 1) & addresses_mask_;
    entry.used = true;
    addresses_[i] = entry;
  }
}

}  // namespace sluice
