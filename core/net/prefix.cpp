#include "core/net/prefix.h"

#include <algorithm>
#include <charconv>

namespace sluice {
namespace {

// Bits of the sixteen-byte form: an IPv4 block of length n is a mapped block of length 96 + n.
unsigned mapped_bits(const Prefix& prefix) {
  return prefix.length_bits + (prefix.address.is_ipv4() ? 96U : 0U);
}

bool equal_bits(const Address& a, const Address& b, unsigned bits) {
  for (std::size_t i = 0; bits > 0; ++i) {
    const unsigned take = bits < 8 ? bits : 8;
    const auto mask = static_cast<std::uint8_t>(0xff00U >> take);
    if (((a.bytes()[i] ^ b.bytes()[i]) & mask) != 0) return false;
    bits -= take;
  }
  return true;
}

Address masked(const Address& address, unsigned bits) {
  auto bytes = address.bytes();
  for (std::size_t i = 0; i < 16; ++i) {
    const unsigned keep = bits > 8 * i ? bits - static_cast<unsigned>(8 * i) : 0;
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (keep >= 8 ? 0xffU : 0xff00U >> keep));
  }
  return Address::from_bytes(bytes);
}

}  // namespace

bool Prefix::contains(const Address& candidate) const {
  return candidate.is_ipv4() == address.is_ipv4() &&
         equal_bits(address, candidate, mapped_bits(*this));
}

Prefix Prefix::around(const Address& address, std::uint8_t length_bits) {
  const Prefix block{address, length_bits};
  return {masked(address, mapped_bits(block)), length_bits};
}

Address Prefix::at(std::uint64_t number) const {
  auto bytes = address.bytes();
  const unsigned fixed_bits = mapped_bits(*this);
  for (unsigned bit = std::max(fixed_bits, 64U); bit < 128; ++bit) {
    const auto one = static_cast<std::uint8_t>(number >> (127 - bit) & 1);
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | one << (7 - bit % 8));
  }
  return Address::from_bytes(bytes);
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const std::uint8_t longest = address->is_ipv4() ? 32 : 128;
  Prefix out{*address, longest};
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), out.length_bits);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (out.length_bits > longest) return std::nullopt;
  }
  if (masked(*address, mapped_bits(out)) != *address) return std::nullopt;
  return out;
}

std::string Prefix::text() const { return address.text() + "/" + std::to_string(length_bits); }

}  // namespace sluice
