#include "core/net/quic_lb.h"

#include <algorithm>
#include <cassert>

namespace sluice {
namespace {

constexpr std::uint8_t low_bits = 0x1f;  // of the first octet: length or filler

std::optional<std::uint8_t> digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

// Fills the first bytes of `out`; false when the digits are no whole number of bytes that fits.
bool read_hex(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() % 2 != 0 || text.size() / 2 > out.size()) return false;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = digit_of(text[i]);
    const auto low = digit_of(text[i + 1]);
    if (!high || !low) return false;
    out[i / 2] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return true;
}

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 0xf];
  }
  return out;
}

}  // namespace

std::optional<QuicServerId> QuicServerId::parse(std::string_view text) {
  QuicServerId out;
  if (text.empty() || !read_hex(text, out.bytes)) return std::nullopt;
  out.length_bytes = static_cast<std::uint8_t>(text.size() / 2);
  return out;
}

std::string QuicServerId::text() const {
  return hex(std::span(bytes).first(std::min<std::size_t>(length_bytes, bytes_max)));
}

std::optional<QuicLbKey> QuicLbKey::parse(std::string_view text) {
  if (text.empty()) return QuicLbKey{};
  Aes128::Block key{};
  if (text.size() != 2 * key.size() || !read_hex(text, key)) return std::nullopt;
  return QuicLbKey{key};
}

std::string QuicLbKey::secret_text() const { return bytes ? hex(*bytes) : ""; }

std::string QuicLbKey::text() const {
  constexpr std::size_t check_bytes = 3;
  if (!bytes) return "none";
  const Aes128::Block check = Aes128(*bytes).encrypt({});
  return "hidden, check value " + hex(std::span(check).first(check_bytes));
}

std::optional<QuicConnectionId> QuicConnectionId::parse(std::string_view text) {
  QuicConnectionId out;
  if (text.empty() || !read_hex(text, out.bytes)) return std::nullopt;
  out.length_bytes = static_cast<std::uint8_t>(text.size() / 2);
  return out;
}

QuicLbCodec::QuicLbCodec(const QuicLbConfig& config)
    : config_(config),
      together_bytes_(std::size_t{config.server_id_length} + config.nonce_length),
      half_bytes_((together_bytes_ + 1) / 2) {
  assert(config.server_id_length >= 1 && config.server_id_length <= QuicServerId::bytes_max);
  assert(together_bytes_ <= QuicLbConfig::together_bytes_max);
  if (config.key.bytes) cipher_.emplace(*config.key.bytes);
}

std::optional<QuicServerId> QuicLbCodec::decode(const QuicHeader& header) const {
  const auto id = header.connection_id;
  if (id.size() < 1 + together_bytes_ || quic_lb_config_of(id[0]) != config_.config_id)
    return std::nullopt;
  if (config_.length_self_description) {
    const std::size_t told = id[0] & low_bits;
    if (header.is_long ? told + 1 != id.size() : told < together_bytes_) return std::nullopt;
  }
  std::array<std::uint8_t, QuicLbConfig::together_bytes_max> plain{};
  const auto used = std::span(plain).first(together_bytes_);
  std::ranges::copy(id.subspan(1, together_bytes_), used.begin());
  if (cipher_) decrypt(used);
  QuicServerId out;
  out.length_bytes = config_.server_id_length;
  std::ranges::copy(used.first(out.length_bytes), out.bytes.begin());
  return out;
}

QuicConnectionId QuicLbCodec::encode(const QuicServerId& server_id,
                                     std::span<const std::uint8_t> nonce,
                                     std::uint8_t filler) const {
  assert(server_id.length_bytes == config_.server_id_length &&
         nonce.size() == config_.nonce_length);
  QuicConnectionId out;
  out.length_bytes = static_cast<std::uint8_t>(1 + together_bytes_);
  const std::size_t low =
      config_.length_self_description ? together_bytes_ : std::size_t{filler} & low_bits;
  out.bytes[0] = static_cast<std::uint8_t>(std::size_t{config_.config_id} << 5 | low);
  const auto rest = std::span(out.bytes).subspan(1, together_bytes_);
  std::ranges::copy(std::span(server_id.bytes).first(server_id.length_bytes), rest.begin());
  std::ranges::copy(nonce, rest.begin() + server_id.length_bytes);
  if (cipher_) encrypt(rest);
  return out;
}

// The halves overlap in the middle byte of an odd number of them: the left one has its high bits,
// the right one its low bits (section 5.4.2.3, step 2).
QuicLbCodec::Halves QuicLbCodec::split(std::span<const std::uint8_t> bytes) const {
  Halves out;
  std::ranges::copy(bytes.first(half_bytes_), out.left.begin());
  std::ranges::copy(bytes.last(half_bytes_), out.right.begin());
  if (together_bytes_ % 2 == 0) return out;
  out.left[half_bytes_ - 1] &= 0xf0;
  out.right[0] &= 0x0f;
  return out;
}

void QuicLbCodec::join(const Halves& halves, std::span<std::uint8_t> out) const {
  std::ranges::copy(std::span(halves.right).first(half_bytes_), out.last(half_bytes_).begin());
  const std::uint8_t middle = together_bytes_ % 2 == 0 ? 0 : halves.right[0];
  std::ranges::copy(std::span(halves.left).first(half_bytes_), out.begin());
  out[half_bytes_ - 1] |= middle;
}

// One round: odd passes mask the right half by the left one, even ones the other way round. It is
// its own inverse.
void QuicLbCodec::pass(std::uint8_t number, Halves& halves) const {
  const bool masks_right = number % 2 == 1;
  const Half& from = masks_right ? halves.left : halves.right;
  Half& to = masks_right ? halves.right : halves.left;
  Aes128::Block block{};  // expand(), section 5.4.2.2
  std::ranges::copy(std::span(from).first(half_bytes_), block.begin());
  block[block_bytes - 2] = static_cast<std::uint8_t>(together_bytes_);
  block[block_bytes - 1] = number;
  const Aes128::Block mask = cipher_->encrypt(block);
  for (std::size_t i = 0; i < half_bytes_; ++i) to[i] ^= mask[i];
  if (together_bytes_ % 2 == 0) return;
  if (masks_right)
    to[0] &= 0x0f;
  else
    to[half_bytes_ - 1] &= 0xf0;
}

void QuicLbCodec::encrypt(std::span<std::uint8_t> bytes) const {
  if (together_bytes_ == block_bytes) {
    Aes128::Block block;
    std::ranges::copy(bytes, block.begin());
    std::ranges::copy(cipher_->encrypt(block), bytes.begin());
    return;
  }
  Halves halves = split(bytes);
  for (std::uint8_t number = 1; number <= 4; ++number) pass(number, halves);
  join(halves, bytes);
}

// Leaves the server ID in front; what follows it stays encrypted when three passes were enough for
// that (section 5.5.2).
void QuicLbCodec::decrypt(std::span<std::uint8_t> bytes) const {
  if (together_bytes_ == block_bytes) {
    Aes128::Block block;
    std::ranges::copy(bytes, block.begin());
    std::ranges::copy(cipher_->decrypt(block), bytes.begin());
    return;
  }
  Halves halves = split(bytes);
  for (std::uint8_t number = 4; number >= 2; --number) pass(number, halves);
  if (config_.server_id_length > together_bytes_ / 2) pass(1, halves);
  join(halves, bytes);
}

}  // namespace sluice
