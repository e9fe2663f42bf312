#include "core/config/access.h"

namespace sluice {

std::optional<AccessItem> AccessItem::parse(std::string_view text) {
  if (text.starts_with('@')) {
    if (text.size() == 1) return std::nullopt;
    return AccessItem{std::string(text.substr(1)), {}};
  }
  const auto prefix = Prefix::parse(text);
  if (!prefix) return std::nullopt;
  return AccessItem{"", *prefix};
}

std::string AccessItem::text() const { return list.empty() ? prefix.text() : "@" + list; }

}  // namespace sluice
