#pragma once

#include <cstdint>

namespace sluice::control {

/// A capture, begun at the desk, that is to be sent as the answer to a request.
struct CaptureAnswer {
  enum class Format : std::uint8_t { pcapng, trace };
  Format format = Format::pcapng;
  std::uint32_t packets = 0;
  std::uint32_t snaplen = 0;
  bool with_sent = false;
};

}  // namespace sluice::control
