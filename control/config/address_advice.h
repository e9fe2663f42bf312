#pragma once

#include <string>
#include <string_view>

namespace sluice::control {

struct AddressAdvice {
  std::string why;     // "has 300 in it, and no part of an IPv4 address is over 255"
  std::string remedy;  // with an address that would do
};

/// For a text that `Address::parse` refuses.
[[nodiscard]] AddressAdvice advise_on_address(std::string_view text);

}  // namespace sluice::control
