#pragma once

#include "core/net/tcp_segment.h"
#include "dataplane/l4/packet.h"

namespace sluice::dataplane {

/// Puts a segment of our own into the packet's buffer; the link header, tags included, stays.
/// False: there is no room, and the verdict says so.
[[nodiscard]] bool replace_by(Packet& packet, const TcpSegment& segment);

}  // namespace sluice::dataplane
