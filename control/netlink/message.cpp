#include "control/netlink/message.h"

#include <array>

namespace sluice::control {

void NetlinkRequest::append(const void* from, std::size_t length) {
  const auto* begin = static_cast<const std::uint8_t*>(from);
  bytes_.insert(bytes_.end(), begin, begin + length);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

void NetlinkRequest::put(std::uint16_t attribute, const Address& address) {
  const std::span<const std::uint8_t> all(address.bytes());
  const auto value = address.is_ipv4() ? all.last(4) : all;
  const rtattr header{.rta_len = static_cast<std::uint16_t>(sizeof(rtattr) + value.size()),
                      .rta_type = attribute};
  append(&header, sizeof header);
  append(value.data(), value.size());
}

std::span<const std::uint8_t> NetlinkRequest::bytes(std::uint32_t sequence) {
  nlmsghdr header{};
  std::memcpy(&header, bytes_.data(), sizeof header);
  header.nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
  header.nlmsg_seq = sequence;
  std::memcpy(bytes_.data(), &header, sizeof header);
  return bytes_;
}

std::span<const std::uint8_t> NetlinkAttributes::find(std::uint16_t type) const {
  std::span<const std::uint8_t> found;
  std::span<const std::uint8_t> rest = bytes_;
  rtattr header{};
  while (rest.size() >= sizeof header) {
    std::memcpy(&header, rest.data(), sizeof header);
    if (header.rta_len < sizeof header || header.rta_len > rest.size()) break;
    if ((header.rta_type & NLA_TYPE_MASK) == type)
      found = rest.subspan(sizeof header, header.rta_len - sizeof header);
    rest = rest.subspan(std::min<std::size_t>(rest.size(), RTA_ALIGN(header.rta_len)));
  }
  return found;
}

std::optional<Address> NetlinkAttributes::address(std::uint16_t type) const {
  return address_from_bytes(find(type));
}

std::optional<MacAddress> NetlinkAttributes::mac(std::uint16_t type) const {
  const auto bytes = find(type);
  MacAddress out;
  if (bytes.size() != out.bytes.size()) return std::nullopt;
  std::ranges::copy(bytes, out.bytes.begin());
  return out;
}

std::optional<Address> address_from_bytes(std::span<const std::uint8_t> bytes) {
  if (bytes.size() == 4) return Address::from_ipv4({{bytes[0], bytes[1], bytes[2], bytes[3]}});
  std::array<std::uint8_t, 16> all{};
  if (bytes.size() != all.size()) return std::nullopt;
  std::ranges::copy(bytes, all.begin());
  return Address::from_bytes(all);
}

}  // namespace sluice::control
