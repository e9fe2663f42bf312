#include "tools/pktgen/device_name.h"

#include <algorithm>

namespace sluice::pktgen {
namespace {

bool is_hexadecimal(char character) {
  return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'f') ||
         (character >= 'A' && character <= 'F');
}

// As it is with x for each hexadecimal digit.
bool is_pci_address(std::string_view text) {
  std::string shape(text);
  std::ranges::replace_if(shape, is_hexadecimal, 'x');
  return shape == "xxxx:xx:xx.x" || shape == "xx:xx.x";
}

bool is_device_of_dpdk(std::string_view name) {
  constexpr std::string_view prefix = "net_";
  return name.starts_with(prefix) && name.size() > prefix.size() && name.size() < 64 &&
         std::ranges::all_of(
             name,
             [](char character) {
               return (character >= 'a' && character <= 'z') ||
                      (character >= '0' && character <= '9') || character == '_';
             });
}

}  // namespace

std::optional<DeviceName> parse_device(std::string_view text) {
  if (is_pci_address(text)) {
    const std::string domain = text.size() == 7 ? "0000:" : "";
    return DeviceName{"pci", domain + std::string(text), ""};
  }
  const std::size_t comma = text.find(',');
  const std::string_view name = text.substr(0, comma);
  if (!is_device_of_dpdk(name)) return std::nullopt;
  return DeviceName{"vdev", std::string(name),
                    comma == std::string_view::npos ? "" : std::string(text.substr(comma + 1))};
}

}  // namespace sluice::pktgen
