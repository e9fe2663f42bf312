#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "core/config/config.h"
#include "core/config/snapshot.h"

// Listeners, backends and source addresses keep their number from one snapshot to the next. Used by
// compile alone.

namespace sluice {

using BackendIdentity = std::tuple<std::string_view, std::string_view, Address, Port>;

[[nodiscard]] BackendIdentity identity_of(const Backend& backend);

/// Copies what is numbered from the previous snapshot, all marked free; the configuration then
/// claims its own back.
void inherit_numbers(Snapshot& out, const Snapshot* previous);

/// The number that a backend had, or a free one with a new incarnation, or a new one.
class BackendNumbers {
 public:
  BackendNumbers(Snapshot& out, const Snapshot* previous);
  [[nodiscard]] std::size_t claim(const BackendIdentity& identity);

 private:
  Snapshot& out_;
  struct Hash {
    std::size_t operator()(const BackendIdentity& identity) const;
  };
  std::unordered_map<BackendIdentity, std::size_t, Hash> known_;
  std::vector<std::size_t> free_;
};

/// Free numbers of listeners are reused at once: an entry under an old meaning names a backend of
/// another service, which the packet path sees and treats as unknown.
class ListenerNumbers {
 public:
  ListenerNumbers(Snapshot& out, const Snapshot* previous);
  [[nodiscard]] std::size_t claim(const Listening& identity);

 private:
  Snapshot& out_;
  std::map<Listening, std::size_t> known_;
  std::vector<std::size_t> free_;
};

/// The indexes of source-pool addresses. Those that the configuration still has are kept from the
/// start, so that none of their indexes is given to a new address.
class SourceNumbers {
 public:
  SourceNumbers(Snapshot& out, const Config& config);
  [[nodiscard]] std::uint16_t claim(const Address& address);
  /// By index: whether the configuration has the address.
  [[nodiscard]] const std::vector<bool>& claimed() const { return claimed_; }

 private:
  std::vector<Address>& sources_;
  std::vector<bool> claimed_;
};

}  // namespace sluice
