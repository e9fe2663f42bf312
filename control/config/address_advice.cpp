#include "control/config/address_advice.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/net/address.h"

namespace sluice::control {
namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Something that is right up to a mark at which what does not belong there begins.
std::optional<std::string> address_before(std::string_view text, char mark) {
  const auto address = Address::parse(text.substr(0, text.find(mark)));
  if (text.find(mark) == std::string_view::npos || !address) return std::nullopt;
  return address->text();
}

std::optional<AddressAdvice> advise_on_ipv4(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() < 2 || !std::ranges::all_of(parts, is_digits)) return std::nullopt;
  if (parts.size() != 4)
    return AddressAdvice{
        "has " + std::to_string(parts.size()) + " numbers, and an IPv4 address has four",
        "write it like \"192.0.2.10\""};
  for (const std::string_view part : parts) {
    if (part.size() > 1 && part[0] == '0')
      return AddressAdvice{"has a leading zero, which some read as octal",
                           "write its numbers without leading zeros, like \"192.0.2.10\""};
    if (part.size() > 3 || std::stoi(std::string(part)) > 255)
      return AddressAdvice{"is not an IPv4 address, whose numbers end at 255",
                           "write it like \"192.0.2.10\""};
  }
  return std::nullopt;
}

}  // namespace

AddressAdvice advise_on_address(std::string_view text) {
  if (text.empty()) return {"is empty", "write an address: \"192.0.2.10\" or \"2001:db8::10\""};
  if (const auto address = address_before(text, '/'))
    return {"has a prefix length, and a single address is wanted", "write \"" + *address + '"'};
  if (const auto address = address_before(text, '%'))
    return {"has a zone, which an address here cannot have",
            "write a global address like \"2001:db8::10\""};
  if (const auto endpoint = Endpoint::parse(text))
    return {"has a port in it", "write \"" + endpoint->address.text() +
                                    "\" here and the port under its own key: port = " +
                                    std::to_string(endpoint->port.value())};
  if (text.starts_with('[') && text.ends_with(']'))
    return {"is in brackets", "leave the brackets out: \"2001:db8::10\""};
  if (const auto advice = advise_on_ipv4(text)) return *advice;
  if (text.find(':') != std::string_view::npos)
    return {"is not an IPv6 address",
            "write eight groups of hexadecimal digits, or fewer and \"::\" once: \"2001:db8::10\""};
  return {"is not an IPv4 or IPv6 address (names are not looked up)",
          "write it like \"192.0.2.10\" or \"2001:db8::10\""};
}

}  // namespace sluice::control
