#include "control/config/convert_quic.h"

namespace sluice::control {

Converted<QuicLbKey> to_quic_lb_key(std::string_view key, const toml::node& node) {
  const auto text = node.value_exact<std::string_view>();
  if (text && !text->empty())
    if (const auto value = QuicLbKey::parse(*text)) return *value;
  const std::string what =
      !text ? " is no string (not shown)"
            : " is no 16 bytes (not shown: " + std::to_string(text->size()) + " characters)";
  return std::unexpected(
      Complaint{std::string(key) + what,
                "write 32 hexadecimal digits in quotes, as `openssl rand -hex 16` prints them; or "
                "leave it out, and server IDs are in the clear"});
}

Converted<QuicServerId> to_quic_server_id(std::string_view key, const toml::node& node) {
  const std::string wanted =
      "write 1 to 15 bytes, two hexadecimal digits each, in quotes: \"c4605e\"";
  const auto text = node.value_exact<std::string_view>();
  if (!text) return std::unexpected(wrong_type(key, node, wanted));
  if (const auto id = QuicServerId::parse(*text)) return *id;
  return std::unexpected(
      Complaint{std::string(key) + " \"" + shortened(*text, 60) + "\" is no server ID", wanted});
}

}  // namespace sluice::control
