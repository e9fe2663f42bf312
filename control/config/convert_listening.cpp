#include "control/config/address_advice.h"
#include "control/config/convert.h"

namespace sluice::control {
namespace {

constexpr std::size_t shown_bytes_max = 60;

std::string quoted(std::string_view text) { return '"' + shortened(text, shown_bytes_max) + '"'; }

}  // namespace

Converted<VipBlock> to_vip(std::string_view key, const toml::node& node) {
  const auto text = node.value_exact<std::string_view>();
  if (!text || !text->contains('/')) {
    const auto address = to_address(key, node);
    return address ? Converted<VipBlock>(*address) : std::unexpected(address.error());
  }
  if (const auto block = VipBlock::parse(*text)) return *block;
  const std::size_t slash = text->find('/');
  const auto address = Address::parse(text->substr(0, slash));
  std::string remedy = "write it as \"203.0.113.0/28\" or \"2001:db8::/64\"";
  if (address) {
    for (unsigned bits = 0; bits <= 128; ++bits)
      if (text->substr(slash + 1) == std::to_string(bits) &&
          bits <= (address->is_ipv4() ? 32 : 128))
        remedy = "the bits behind the prefix must be zero: write \"" +
                 Prefix::around(*address, static_cast<std::uint8_t>(bits)).text() + '"';
  }
  return std::unexpected(
      Complaint{std::string(key) + " " + quoted(*text) + " is not a prefix", std::move(remedy)});
}

Converted<PortRange> to_port_range(std::string_view key, const toml::node& node) {
  const std::string wanted =
      "write a number from 1 to 65535, without quotes; a range, \"8000-8999\"; or \"any\"";
  if (const auto number = node.value_exact<std::int64_t>()) {
    if (*number >= 1 && *number <= 0xffff)
      return PortRange(Port(static_cast<std::uint16_t>(*number)));
    return std::unexpected(Complaint{std::string(key) + " is " + std::to_string(*number), wanted});
  }
  const auto text = node.value_exact<std::string_view>();
  if (!text || Port::parse(*text)) return std::unexpected(wrong_type(key, node, wanted));
  if (const auto range = PortRange::parse(*text)) return *range;
  return std::unexpected(
      Complaint{std::string(key) + " " + quoted(*text) + " is no range of ports", wanted});
}

}  // namespace sluice::control
