#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/net/aes128.h"
#include "core/net/quic_header.h"

// QUIC connection IDs that name their server (draft-ietf-quic-load-balancers-21). The first octet
// has the number of a configuration in three bits and five more bits; server ID and nonce follow,
// in the clear or encrypted together.

namespace sluice {

/// The bits of a first octet that name no configuration: the ID says nothing (section 3.2).
inline constexpr std::uint8_t quic_lb_unroutable = 0b111;

/// Which server a connection is on: 1 to 15 bytes, chosen by the operator.
struct QuicServerId {
  static constexpr std::size_t bytes_max = 15;
  std::array<std::uint8_t, bytes_max> bytes{};  // zero beyond the length
  std::uint8_t length_bytes = 0;

  /// From hexadecimal digits, two a byte. Nothing when they are none, odd or too many.
  [[nodiscard]] static std::optional<QuicServerId> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  friend auto operator<=>(const QuicServerId&, const QuicServerId&) = default;
};

/// What encrypts server IDs; without one they are in the clear. A secret: `text` is for people and
/// does not tell it.
struct QuicLbKey {
  std::optional<Aes128::Block> bytes;

  /// From 32 hexadecimal digits, or "" for none.
  [[nodiscard]] static std::optional<QuicLbKey> parse(std::string_view text);
  /// What `parse` reads.
  [[nodiscard]] std::string secret_text() const;
  /// "none", or a check value by which two keys can be compared: the first three bytes of a block
  /// of zeros, encrypted.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const QuicLbKey&, const QuicLbKey&) = default;
};

/// One of a service's configurations, which servers must share.
struct QuicLbConfig {
  static constexpr std::uint8_t config_id_max = 6;
  static constexpr std::uint8_t nonce_bytes_min = 4;
  static constexpr std::uint8_t nonce_bytes_max = 18;
  static constexpr std::uint8_t together_bytes_max = 19;  // server ID and nonce

  std::uint8_t config_id = 0;
  std::uint8_t server_id_length = 0;  // 1 to 15
  std::uint8_t nonce_length = 0;      // 4 to 18
  QuicLbKey key;
  bool length_self_description = false;  // all servers write the ID's length in the first octet

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("config_id", self.config_id);
    visit("server_id_length", self.server_id_length);
    visit("nonce_length", self.nonce_length);
    visit("key", self.key);
    visit("length_self_description", self.length_self_description);
  }
  friend bool operator==(const QuicLbConfig&, const QuicLbConfig&) = default;
};

struct QuicConnectionId {
  std::array<std::uint8_t, quic_connection_id_bytes_max> bytes{};
  std::uint8_t length_bytes = 0;

  /// From hexadecimal digits, two a byte. Nothing when they are none, odd or too many.
  [[nodiscard]] static std::optional<QuicConnectionId> parse(std::string_view text);
  [[nodiscard]] std::span<const std::uint8_t> view() const {
    return std::span(bytes).first(length_bytes);
  }
};

/// The configuration that a connection ID's first octet names.
[[nodiscard]] constexpr std::uint8_t quic_lb_config_of(std::uint8_t first_octet) {
  return first_octet >> 5;
}

/// Reads and writes the connection IDs of one configuration.
class QuicLbCodec {
 public:
  /// The configuration's lengths must be valid (`validate`).
  explicit QuicLbCodec(const QuicLbConfig& config);

  /// The server that this packet is for; nothing when its connection ID is not one of this
  /// configuration, too short, or contradicts itself (section 4.1). A random ID may look like one:
  /// then the server is random too.
  [[nodiscard]] std::optional<QuicServerId> decode(const QuicHeader& header) const;
  /// What a server does (section 5.4). `server_id` and `nonce` are as long as the configuration
  /// says; `filler` is for the five other bits of the first octet, when they do not tell the
  /// length.
  [[nodiscard]] QuicConnectionId encode(const QuicServerId& server_id,
                                        std::span<const std::uint8_t> nonce,
                                        std::uint8_t filler) const;

 private:
  static constexpr std::size_t block_bytes = 16;
  using Half = std::array<std::uint8_t, (QuicLbConfig::together_bytes_max + 1) / 2>;
  struct Halves {
    Half left{};
    Half right{};
  };
  [[nodiscard]] Halves split(std::span<const std::uint8_t> bytes) const;
  void join(const Halves& halves, std::span<std::uint8_t> out) const;
  void pass(std::uint8_t number, Halves& halves) const;
  void decrypt(std::span<std::uint8_t> bytes) const;
  void encrypt(std::span<std::uint8_t> bytes) const;

  QuicLbConfig config_;
  std::size_t together_bytes_;  // server ID and nonce
  std::size_t half_bytes_;      // rounded up
  std::optional<Aes128> cipher_;
};

}  // namespace sluice
