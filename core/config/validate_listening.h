#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/config/config.h"
#include "core/config/config_scope.h"

namespace sluice {

/// What the services checked so far listen on, to find what overlaps. Part of `validate`.
class ListeningClaims {
 public:
  /// Reports what is wrong with this service's VIPs, ports and protocol, alone or beside the
  /// services before it.
  void check(const ConfigScope& scope, const ServiceConfig& service);

  /// The name of the service that has this address as a VIP, or null.
  [[nodiscard]] const std::string* owner_of(const Address& address) const;
  /// Combinations of VIP, port and protocol.
  [[nodiscard]] std::size_t count() const { return owners_.size(); }

 private:
  void claim(const ConfigScope& scope, const std::string& vip_key, const ServiceConfig& service,
             const Listening& what);

  std::map<Listening, std::string> owners_;
  // Real ranges only: a single port lies inside a range or outside.
  std::map<std::pair<Prefix, Protocol>, std::vector<Listening>> ranges_;
  std::map<Prefix, std::string> vips_;
  std::set<std::uint8_t> lengths4_;  // of the prefixes in `vips_`
  std::set<std::uint8_t> lengths6_;
};

/// Reports what this service listens on and cannot be forwarded or probed in the way it asks for.
/// Part of `validate`.
void check_listening(const ConfigScope& scope, const ServiceConfig& service);

}  // namespace sluice
