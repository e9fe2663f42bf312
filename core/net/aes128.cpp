#include "core/net/aes128.h"

#include <bit>
#include <cstddef>

namespace sluice {
namespace {

using Block = Aes128::Block;
using SubstitutionBox = std::array<std::uint8_t, 256>;

// Multiplication by x in GF(2^8), FIPS 197 section 4.2.1.
constexpr std::uint8_t times_2(std::uint8_t value) {
  return static_cast<std::uint8_t>(value << 1 ^ ((value & 0x80) != 0 ? 0x1b : 0));
}

constexpr std::uint8_t multiply(std::uint8_t a, std::uint8_t b) {
  std::uint8_t out = 0;
  for (; b != 0; b = static_cast<std::uint8_t>(b >> 1), a = times_2(a))
    if ((b & 1) != 0) out ^= a;
  return out;
}

// FIPS 197 section 5.1.1: the inverse in GF(2^8), then an affine transformation. 3 generates all
// elements but zero, and its inverse is 0xf6: walking both ways gives each element its inverse.
constexpr SubstitutionBox make_substitution_box() {
  SubstitutionBox box{};
  std::uint8_t element = 1;
  std::uint8_t inverse = 1;
  do {
    element = multiply(element, 0x03);
    inverse = multiply(inverse, 0xf6);
    box[element] =
        static_cast<std::uint8_t>(inverse ^ std::rotl(inverse, 1) ^ std::rotl(inverse, 2) ^
                                  std::rotl(inverse, 3) ^ std::rotl(inverse, 4) ^ 0x63);
  } while (element != 1);
  box[0] = 0x63;
  return box;
}

constexpr SubstitutionBox invert(const SubstitutionBox& box) {
  SubstitutionBox out{};
  for (std::size_t i = 0; i < box.size(); ++i) out[box[i]] = static_cast<std::uint8_t>(i);
  return out;
}

constexpr SubstitutionBox substitution = make_substitution_box();
constexpr SubstitutionBox inverse_substitution = invert(substitution);

void add_key(Block& state, const Block& key) {
  for (std::size_t i = 0; i < state.size(); ++i) state[i] ^= key[i];
}

// SubBytes and ShiftRows: the state is stored by columns of four.
Block substitute_and_shift(const Block& state) {
  Block out;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = substitution[state[(i + 4 * (i % 4)) % out.size()]];
  return out;
}

Block unshift_and_substitute(const Block& state) {
  Block out;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[(i + 4 * (i % 4)) % out.size()] = inverse_substitution[state[i]];
  return out;
}

void mix_columns(Block& state) {
  for (std::size_t i = 0; i < state.size(); i += 4) {
    const std::uint8_t a = state[i];
    const std::uint8_t b = state[i + 1];
    const std::uint8_t c = state[i + 2];
    const std::uint8_t d = state[i + 3];
    const std::uint8_t all = a ^ b ^ c ^ d;
    state[i] = static_cast<std::uint8_t>(a ^ all ^ times_2(a ^ b));
    state[i + 1] = static_cast<std::uint8_t>(b ^ all ^ times_2(b ^ c));
    state[i + 2] = static_cast<std::uint8_t>(c ^ all ^ times_2(c ^ d));
    state[i + 3] = static_cast<std::uint8_t>(d ^ all ^ times_2(d ^ a));
  }
}

// The inverse matrix is {5, 0, 4, 0} times the forward one.
void unmix_columns(Block& state) {
  for (std::size_t i = 0; i < state.size(); i += 4) {
    const std::uint8_t even = times_2(times_2(state[i] ^ state[i + 2]));
    const std::uint8_t odd = times_2(times_2(state[i + 1] ^ state[i + 3]));
    state[i] ^= even;
    state[i + 1] ^= odd;
    state[i + 2] ^= even;
    state[i + 3] ^= odd;
  }
  mix_columns(state);
}

// FIPS 197 section 5.2. Each word of a round's key follows from the one before and its own in the
// round before.
Block next_round_key(const Block& key, std::uint8_t round_constant) {
  Block out = key;
  for (std::size_t i = 0; i < 4; ++i) out[i] ^= substitution[key[12 + (i + 1) % 4]];
  out[0] ^= round_constant;
  for (std::size_t i = 4; i < out.size(); ++i) out[i] ^= out[i - 4];
  return out;
}

// What the compiler's own names for the AES instructions take.
using Vector = long long __attribute__((vector_size(16)));
Vector load(const Block& block) { return std::bit_cast<Vector>(block); }
Block store(Vector vector) { return std::bit_cast<Block>(vector); }

}  // namespace

Aes128::Implementation Aes128::best() {
  return __builtin_cpu_supports("aes") ? Implementation::instructions : Implementation::software;
}

Aes128::Aes128(const Block& key, Implementation implementation) : implementation_(implementation) {
  keys_[0] = key;
  std::uint8_t round_constant = 1;
  for (std::size_t i = 1; i <= rounds; ++i, round_constant = times_2(round_constant))
    keys_[i] = next_round_key(keys_[i - 1], round_constant);
  inverse_keys_ = keys_;
  for (std::size_t i = 1; i < rounds; ++i) unmix_columns(inverse_keys_[i]);
}

Aes128::Block Aes128::encrypt(const Block& plain) const {
  return implementation_ == Implementation::instructions ? encrypt_by_instructions(plain)
                                                         : encrypt_in_software(plain);
}

Aes128::Block Aes128::decrypt(const Block& cipher) const {
  return implementation_ == Implementation::instructions ? decrypt_by_instructions(cipher)
                                                         : decrypt_in_software(cipher);
}

Aes128::Block Aes128::encrypt_in_software(Block state) const {
  add_key(state, keys_[0]);
  for (std::size_t i = 1; i < rounds; ++i) {
    state = substitute_and_shift(state);
    mix_columns(state);
    add_key(state, keys_[i]);
  }
  state = substitute_and_shift(state);
  add_key(state, keys_[rounds]);
  return state;
}

Aes128::Block Aes128::decrypt_in_software(Block state) const {
  add_key(state, inverse_keys_[rounds]);
  for (std::size_t i = rounds - 1; i > 0; --i) {
    state = unshift_and_substitute(state);
    unmix_columns(state);
    add_key(state, inverse_keys_[i]);
  }
  state = unshift_and_substitute(state);
  add_key(state, inverse_keys_[0]);
  return state;
}

[[gnu::target("aes")]] Aes128::Block Aes128::encrypt_by_instructions(const Block& plain) const {
  Vector state = load(plain) ^ load(keys_[0]);
  for (std::size_t i = 1; i < rounds; ++i) state = __builtin_ia32_aesenc128(state, load(keys_[i]));
  return store(__builtin_ia32_aesenclast128(state, load(keys_[rounds])));
}

[[gnu::target("aes")]] Aes128::Block Aes128::decrypt_by_instructions(const Block& cipher) const {
  Vector state = load(cipher) ^ load(inverse_keys_[rounds]);
  for (std::size_t i = rounds - 1; i > 0; --i)
    state = __builtin_ia32_aesdec128(state, load(inverse_keys_[i]));
  return store(__builtin_ia32_aesdeclast128(state, load(inverse_keys_[0])));
}

}  // namespace sluice
