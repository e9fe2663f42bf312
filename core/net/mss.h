#pragma once

#include <cstdint>

#include "core/net/parse.h"

namespace sluice {

/// Makes the maximum segment size that a SYN announces (RFC 9293 section 3.2) no larger than
/// `mss_bytes_max`, and adjusts TCP's checksum. Never makes it larger, never adds the option: a
/// packet without one, with options that contradict themselves, that is no TCP SYN or a fragment,
/// stays as it is. `packet` is what `parse` made of `frame`. True when something has changed.
bool clamp_mss(std::uint8_t* frame, const ParsedPacket& packet, std::uint16_t mss_bytes_max);

}  // namespace sluice
