#include "core/config/validate_quic.h"

#include <algorithm>
#include <cstddef>
#include <map>

namespace sluice {
namespace {

std::string bytes_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " byte" : " bytes");
}

// Lengths by draft-ietf-quic-load-balancers-21 section 5.3 and its appendix A.
void check_lengths(const ConfigScope& scope, const QuicLbConfig& config) {
  scope.range<std::uint8_t>("server_id_length", config.server_id_length, 1,
                            QuicServerId::bytes_max);
  scope.range<std::uint8_t>("nonce_length", config.nonce_length, QuicLbConfig::nonce_bytes_min,
                            QuicLbConfig::nonce_bytes_max);
  if (config.server_id_length <= QuicServerId::bytes_max &&
      config.nonce_length <= QuicLbConfig::nonce_bytes_max &&
      config.server_id_length + config.nonce_length > QuicLbConfig::together_bytes_max)
    scope.error("nonce_length",
                "server_id_length and nonce_length are " +
                    bytes_text(std::size_t{config.server_id_length} + config.nonce_length) +
                    " together",
                "write 19 or less: a connection ID has 20 bytes at most, and its first is taken");
}

// With the same length both would be given the same server IDs, by which whoever sees one in the
// clear could attack the key (section 8.8).
void check_clear_and_encrypted(const ConfigScope& scope, const ServiceConfig& service) {
  for (std::size_t i = 0; i < service.quic_lb.size(); ++i) {
    const QuicLbConfig& config = service.quic_lb[i];
    const auto differs = [&](const QuicLbConfig& other) {
      return other.server_id_length == config.server_id_length &&
             other.key.bytes.has_value() != config.key.bytes.has_value();
    };
    if (std::none_of(service.quic_lb.begin(),
                     service.quic_lb.begin() + static_cast<std::ptrdiff_t>(i), differs))
      continue;
    scope.error(indexed("quic_lb", i) + ".server_id_length",
                "server IDs of " + bytes_text(config.server_id_length) +
                    " are encrypted in one quic_lb and in the clear in another",
                "give this one another server_id_length, and backends another quic_server_id for "
                "it: what was in the clear would weaken the key");
  }
}

void check_configs(const ConfigScope& scope, const ServiceConfig& service) {
  std::map<std::uint8_t, std::size_t> seen;
  for (std::size_t i = 0; i < service.quic_lb.size(); ++i) {
    const QuicLbConfig& config = service.quic_lb[i];
    const ConfigScope inner = scope.at(indexed("quic_lb", i));
    if (config.config_id == quic_lb_unroutable)
      inner.error("config_id", "config_id is 7, which says that a connection ID has no server ID",
                  "write a number from 0 to 6");
    else
      inner.range<std::uint8_t>("config_id", config.config_id, 0, QuicLbConfig::config_id_max);
    if (!seen.emplace(config.config_id, i).second)
      inner.error("config_id",
                  "there are two quic_lb with config_id " + std::to_string(config.config_id),
                  "give this one another number from 0 to 6");
    check_lengths(inner, config);
  }
  check_clear_and_encrypted(scope, service);
}

bool has_length(const ServiceConfig& service, std::size_t length) {
  return std::ranges::any_of(service.quic_lb, [&](const QuicLbConfig& config) {
    return config.server_id_length == length;
  });
}

void check_server_ids(const ConfigScope& scope, const ServiceConfig& service) {
  std::map<QuicServerId, std::string> owners;
  for (std::size_t i = 0; i < service.backends.size(); ++i) {
    const BackendConfig& backend = service.backends[i];
    const ConfigScope inner = scope.at(indexed("backend", i));
    for (std::size_t j = 0; j < backend.quic_server_ids.size(); ++j) {
      const QuicServerId& id = backend.quic_server_ids[j];
      const std::string key = indexed("quic_server_id", j);
      if (!has_length(service, id.length_bytes))
        inner.error(key,
                    id.text() + " has " + bytes_text(id.length_bytes) +
                        ", and no quic_lb of the service has that server_id_length",
                    "write as many bytes as a server_id_length says, two digits each");
      const auto [it, is_new] = owners.emplace(id, backend.name);
      if (is_new) continue;
      inner.error(key, id.text() + " is the server ID of backend " + it->second + " already",
                  "give each backend its own");
    }
    if (std::ranges::find(backend.quic_server_ids, 0, &QuicServerId::length_bytes) !=
        backend.quic_server_ids.end())
      continue;  // one that could not be read may be the one that is missing
    for (const QuicLbConfig& config : service.quic_lb) {
      if (std::ranges::find(backend.quic_server_ids, config.server_id_length,
                            &QuicServerId::length_bytes) != backend.quic_server_ids.end())
        continue;
      inner.error(
          "quic_server_id",
          "backend " + backend.name + " has no quic_server_id of " +
              bytes_text(config.server_id_length) + ", which quic_lb with config_id " +
              std::to_string(config.config_id) + " needs",
          "write the ID that this server puts into its connection IDs: quic_server_id = \"" +
              std::string(2 * std::min<std::size_t>(config.server_id_length, 15), '0') +
              "\", or a list for several lengths");
      break;
    }
  }
}

}  // namespace

void check_quic(const ConfigScope& scope, const ServiceConfig& service) {
  if (service.quic_lb.empty()) {
    for (std::size_t i = 0; i < service.backends.size(); ++i)
      if (!service.backends[i].quic_server_ids.empty())
        scope.error(indexed("backend", i) + ".quic_server_id",
                    "quic_server_id says nothing without a [[service.quic_lb]]",
                    "leave it out, or add the [[service.quic_lb]] that the servers use");
    return;
  }
  if (service.protocol != Protocol::udp)
    scope.error("quic_lb", "quic_lb is for QUIC, and the service's protocol is not udp",
                "write protocol = \"udp\", or leave out [[service.quic_lb]]");
  check_configs(scope, service);
  check_server_ids(scope, service);
}

}  // namespace sluice
