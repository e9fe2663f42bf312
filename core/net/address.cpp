#include "core/net/address.h"

#include <charconv>
#include <cstdio>
#include <utility>

namespace sluice {
namespace {

// By IANA's number. Those that people look for at a balancer.
constexpr std::pair<std::uint8_t, std::string_view> protocol_names[] = {
    {1, "icmp"}, {4, "ipip"}, {6, "tcp"},     {17, "udp"},   {41, "ipv6"}, {47, "gre"},
    {50, "esp"}, {51, "ah"},  {58, "icmpv6"}, {132, "sctp"}, {255, "any"},
};

// One decimal octet without a leading zero: "01" is octal to some readers and decimal to others.
std::optional<std::uint8_t> parse_octet(std::string_view text) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > 255) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

std::optional<Be32> parse_ipv4(std::string_view text) {
  Be32 out;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t dot = i < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    const auto octet = parse_octet(text.substr(0, dot));
    if (!octet) return std::nullopt;
    out.bytes[i] = *octet;
    text.remove_prefix(i < 3 ? dot + 1 : dot);
  }
  return out;
}

std::optional<std::uint16_t> parse_group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The groups on one side of "::", at most eight; a dotted quad may stand as the last two.
struct Groups {
  std::array<std::uint16_t, 8> value{};
  std::size_t count = 0;
  bool push(std::uint16_t group) {
    if (count == value.size()) return false;
    value[count++] = group;
    return true;
  }
};

std::optional<Groups> parse_groups(std::string_view text, bool dotted_tail_allowed) {
  Groups out;
  if (text.empty()) return out;
  while (true) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    if (part.find('.') != std::string_view::npos) {
      const auto quad = parse_ipv4(part);
      if (!dotted_tail_allowed || colon != std::string_view::npos || !quad) return std::nullopt;
      const std::uint32_t bits = quad->host();
      if (!out.push(static_cast<std::uint16_t>(bits >> 16))) return std::nullopt;
      if (!out.push(static_cast<std::uint16_t>(bits))) return std::nullopt;
      return out;
    }
    const auto group = parse_group(part);
    if (!group || !out.push(*group)) return std::nullopt;
    if (colon == std::string_view::npos) return out;
    text.remove_prefix(colon + 1);
  }
}

std::optional<Address> parse_ipv6(std::string_view text) {
  const std::size_t gap = text.find("::");
  const bool has_gap = gap != std::string_view::npos;
  const auto head = parse_groups(text.substr(0, gap), !has_gap);
  const auto tail = parse_groups(has_gap ? text.substr(gap + 2) : std::string_view{}, true);
  if (!head || !tail) return std::nullopt;
  const std::size_t count = head->count + tail->count;
  if (has_gap ? count > 7 : count != 8) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  const auto put = [&](std::size_t index, std::uint16_t group) {
    bytes[2 * index] = static_cast<std::uint8_t>(group >> 8);
    bytes[2 * index + 1] = static_cast<std::uint8_t>(group);
  };
  for (std::size_t i = 0; i < head->count; ++i) put(i, head->value[i]);
  for (std::size_t i = 0; i < tail->count; ++i) put(8 - tail->count + i, tail->value[i]);
  return Address::from_bytes(bytes);
}

// RFC 5952 section 4.2: "::" stands for the longest run of two or more zero groups, the first of
// equals.
struct ZeroRun {
  std::size_t begin = 8;
  std::size_t length = 0;
};

ZeroRun longest_zero_run(const std::array<std::uint16_t, 8>& groups) {
  ZeroRun best;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t length = 0;
    while (i + length < 8 && groups[i + length] == 0) ++length;
    if (length >= 2 && length > best.length) best = {i, length};
    i += length;
  }
  return best;
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_ipv6(text);
  const auto quad = parse_ipv4(text);
  if (!quad) return std::nullopt;
  return from_ipv4(*quad);
}

std::string Address::text() const {
  char buffer[64];
  if (is_ipv4()) {
    std::snprintf(buffer, sizeof buffer, "%u.%u.%u.%u", bytes_[12], bytes_[13], bytes_[14],
                  bytes_[15]);
    return buffer;
  }
  std::array<std::uint16_t, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i)
    groups[i] = static_cast<std::uint16_t>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]);
  const ZeroRun run = longest_zero_run(groups);
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == run.begin) {
      out += "::";
      i += run.length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    std::snprintf(buffer, sizeof buffer, "%x", groups[i]);
    out += buffer;
  }
  return out;
}

bool Address::is_unspecified() const {
  return is_ipv4() ? ipv4().raw() == 0 : (raw_high() | raw_low()) == 0;
}

bool Address::is_multicast() const {
  return is_ipv4() ? (bytes_[12] & 0xf0) == 0xe0 : bytes_[0] == 0xff;
}

bool Address::is_loopback() const {
  if (is_ipv4()) return bytes_[12] == 127;
  return raw_high() == 0 && Be32::from_raw(load_unaligned<std::uint32_t>(&bytes_[8])).host() == 0 &&
         ipv4().host() == 1;
}

std::optional<Port> Port::parse(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0) return std::nullopt;
  return Port(value);
}

std::string Endpoint::text() const {
  const std::string number = std::to_string(port.value());
  return address.is_ipv4() ? address.text() + ":" + number : "[" + address.text() + "]:" + number;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = Address::parse(host);
  const auto port = Port::parse(text.substr(colon + 1));
  if (!address || !port || bracketed == (host.find(':') == std::string_view::npos))
    return std::nullopt;
  return Endpoint{*address, *port};
}

std::string MacAddress::text() const {
  char buffer[18];
  std::snprintf(buffer, sizeof buffer, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1],
                bytes[2], bytes[3], bytes[4], bytes[5]);
  return buffer;
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  MacAddress out;
  if (text.size() != 17) return std::nullopt;
  for (std::size_t i = 0; i < 6; ++i) {
    const char* at = text.data() + 3 * i;
    if (i < 5 && at[2] != ':') return std::nullopt;
    const auto [end, error] = std::from_chars(at, at + 2, out.bytes[i], 16);
    if (error != std::errc{} || end != at + 2) return std::nullopt;
  }
  return out;
}

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return "tcp";
    case Protocol::udp:
      return "udp";
    case Protocol::sctp:
      return "sctp";
    case Protocol::any:
      return "any";
  }
  return "?";
}

std::string protocol_text(Protocol protocol) {
  for (const auto& [number, name] : protocol_names)
    if (number == static_cast<std::uint8_t>(protocol)) return std::string(name);
  return std::to_string(static_cast<unsigned>(protocol));
}

std::optional<Protocol> parse_protocol(std::string_view text) {
  for (const auto& [number, name] : protocol_names)
    if (text == name && number != static_cast<std::uint8_t>(Protocol::any)) return Protocol{number};
  std::uint8_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return Protocol{number} == Protocol::any ? std::nullopt : std::optional(Protocol{number});
}

}  // namespace sluice
