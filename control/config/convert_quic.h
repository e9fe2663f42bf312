#pragma once

#include "control/config/convert.h"

// The keys of QUIC-LB: hexadecimal strings, of which one is a secret.

namespace sluice::control {

/// Never repeats what was written.
[[nodiscard]] Converted<QuicLbKey> to_quic_lb_key(std::string_view key, const toml::node& node);
[[nodiscard]] Converted<QuicServerId> to_quic_server_id(std::string_view key,
                                                        const toml::node& node);

}  // namespace sluice::control
