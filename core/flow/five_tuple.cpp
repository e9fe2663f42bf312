#include "core/flow/five_tuple.h"

namespace sluice {

std::string FiveTuple::text() const {
  return std::string(to_string(protocol)) + " " + Endpoint{source, source_port}.text() + " -> " +
         Endpoint{destination, destination_port}.text();
}

}  // namespace sluice
