#include "core/flow/five_tuple.h"

namespace sluice {

std::string FiveTuple::text() const {
  return protocol_text(protocol) + " " + source_text() + " -> " + destination_text();
}

std::string FiveTuple::source_text() const {
  return has_ports(protocol) ? Endpoint{source, source_port}.text() : source.text();
}

std::string FiveTuple::destination_text() const {
  return has_ports(protocol) ? Endpoint{destination, destination_port}.text() : destination.text();
}

}  // namespace sluice
