#pragma once

#include <cstdint>

#include "tools/pktgen/clock.h"
#include "tools/pktgen/sink.h"

namespace sluice::pktgen {

/// Shows the sink what a device has received.
class Receiver {
 public:
  Receiver(std::uint16_t device_id, const Clock& clock, Sink& sink)
      : device_id_(device_id), clock_(clock), sink_(sink) {}

  /// One burst; false when there was none.
  bool poll();

 private:
  std::uint16_t device_id_;
  const Clock& clock_;
  Sink& sink_;
};

}  // namespace sluice::pktgen
