#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::control {

/// The status code of the final response at the beginning of what a server sent (interim ones, 1xx,
/// are skipped), once its header section is whole; nothing while more is needed; or why this is no
/// HTTP/1 response (RFC 9112 sections 2 and 4; lines must end in CRLF).
[[nodiscard]] std::expected<std::optional<std::uint16_t>, std::string> http_status(
    std::string_view received);

}  // namespace sluice::control
