#pragma once

#include <array>
#include <cstdint>

namespace sluice {

/// The block cipher AES-128 (FIPS 197) under one key: single blocks only, no mode of operation. The
/// processor's AES instructions where it has them; otherwise by look-ups in the S-box, whose timing
/// may tell the key to a program on the same processor, but not to a peer in the network.
class Aes128 {
 public:
  using Block = std::array<std::uint8_t, 16>;
  enum class Implementation : std::uint8_t { software, instructions };

  /// The faster one that this processor has.
  [[nodiscard]] static Implementation best();
  explicit Aes128(const Block& key, Implementation implementation = best());

  [[nodiscard]] Block encrypt(const Block& plain) const;
  [[nodiscard]] Block decrypt(const Block& cipher) const;

 private:
  static constexpr std::size_t rounds = 10;
  using Schedule = std::array<Block, rounds + 1>;
  [[nodiscard]] Block encrypt_in_software(Block state) const;
  [[nodiscard]] Block decrypt_in_software(Block state) const;
  [[nodiscard]] Block encrypt_by_instructions(const Block& plain) const;
  [[nodiscard]] Block decrypt_by_instructions(const Block& cipher) const;

  Schedule keys_;          // FIPS 197 section 5.2
  Schedule inverse_keys_;  // of the equivalent inverse cipher, section 5.3.5
  Implementation implementation_;
};

}  // namespace sluice
