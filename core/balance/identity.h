#pragma once

#include <cstdint>
#include <string_view>

#include "core/flow/five_tuple.h"

namespace sluice {

/// FNV-1a (Fowler, Noll, Vo), finished by mix64: stable on every machine, off the packet path.
/// `salt` tells the uses apart: 1 and 2 are Maglev's, 3 and 4 rendezvous's, 5 the services' own.
[[nodiscard]] inline std::uint64_t hash_identity(std::string_view identity, std::uint64_t salt) {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ salt;
  for (const char c : identity) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  return mix64(hash);
}

}  // namespace sluice
