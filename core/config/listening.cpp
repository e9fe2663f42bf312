#include "core/config/listening.h"

#include "core/config/config.h"

namespace sluice {

std::optional<VipBlock> VipBlock::parse(std::string_view text) {
  const auto block = Prefix::parse(text);
  return block ? std::optional(VipBlock(*block)) : std::nullopt;
}

std::string VipBlock::text() const {
  return prefix.is_one_address() ? prefix.address.text() : prefix.text();
}

std::optional<PortRange> PortRange::parse(std::string_view text) {
  if (text == "any") return any();
  const std::size_t dash = text.find('-');
  const auto low = Port::parse(text.substr(0, dash));
  const auto high = dash == std::string_view::npos ? low : Port::parse(text.substr(dash + 1));
  if (!low || !high || *low > *high) return std::nullopt;
  return PortRange(*low, *high);
}

std::string PortRange::text() const {
  if (is_any()) return "any";
  const std::string low = std::to_string(first.value());
  return is_one() ? low : low + "-" + std::to_string(last.value());
}

std::string Listening::place_text() const {
  const std::string where = vips.text();
  if (protocol == Protocol::any) return where;
  const std::string host = vips.prefix.address.is_ipv4() ? where : "[" + where + "]";
  return host + ":" + ports.text();
}

std::string Listening::text() const {
  return place_text() + "/" + std::string(to_string(protocol));
}

std::vector<Listening> ServiceConfig::listenings_of(const VipBlock& vip) const {
  if (protocol == Protocol::any) return {{vip, PortRange::any(), protocol}};
  std::vector<Listening> out;
  for (const PortRange& range : ports) out.push_back({vip, range, protocol});
  return out;
}

}  // namespace sluice
