#pragma once

#include <optional>
#include <span>

#include "core/net/parse.h"
#include "core/net/quic_header.h"

namespace sluice {

/// The QUIC header in what UDP carries, `parsed` being what `parse` made of `frame`. Nothing when
/// it is not UDP, too short, or a later fragment, which begins anywhere.
[[nodiscard]] std::optional<QuicHeader> quic_header_of(std::span<const std::uint8_t> frame,
                                                       const ParsedPacket& parsed);

}  // namespace sluice
