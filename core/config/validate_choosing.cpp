#include "core/config/validate_choosing.h"

#include <bit>

#include "core/balance/maglev.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t prime_min = 251;
constexpr std::uint32_t prime_max = 16'777'259;  // the first above 2^24
constexpr std::uint32_t power_min = 1U << 10;
constexpr std::uint32_t power_max = 1U << 22;
constexpr std::uint32_t max_connections_max = 1'000'000'000;

std::string quoted(Balance balance) { return "balance = \"" + std::string(spell(balance)) + "\""; }

// What a flow is or was counts: every balancer and worker has its own view of it.
bool has_state(Balance balance) {
  return balance == Balance::weighted_round_robin || balance == Balance::weighted_least_connection;
}

void check_slots(const ConfigScope& scope, const ServiceConfig& service) {
  const std::uint32_t slots = service.slots;
  if (service.balance == Balance::rendezvous) {
    if (slots < power_min || slots > power_max || !std::has_single_bit(slots))
      scope.error("slots", std::to_string(slots) + " slots, and " + quoted(service.balance),
                  "write a power of two from 1024 to 4194304, or leave it out for 1048576");
  } else if (slots < prime_min || slots > prime_max || !is_prime(slots)) {
    scope.error("slots", std::to_string(slots) + " slots",
                "write a prime from 251 to 16777259; 65537 suits up to 650 backends, 655373 more");
  }
  if (service.backends.size() > slots)
    scope.error("slots", "there are more backends than slots",
                service.balance == Balance::rendezvous ? "write a larger power of two"
                                                       : "write a larger prime");
}

void check_affinity(const ConfigScope& scope, const ServiceConfig& service) {
  const AffinityConfig& affinity = service.affinity;
  const ConfigScope inner = scope.at("affinity");
  inner.range<std::uint8_t>("netmask4", affinity.netmask4, 1, 32);
  inner.range<std::uint8_t>("netmask6", affinity.netmask6, 1, 128);
  if (affinity.timeout == 0ms) {
    AffinityConfig none;
    if (affinity != none)
      inner.error("timeout", "affinity has netmasks and no timeout",
                  "write affinity = { timeout = \"10m\" }, or leave affinity out");
    return;
  }
  if (affinity.timeout < 1s || affinity.timeout > 8h)
    inner.error("timeout", "timeout is " + std::to_string(affinity.timeout.count()) + " ms",
                "write 1s to 8h");
  if (has_state(service.balance))
    scope.error("affinity",
                "affinity chooses by the client's address, so that all workers choose alike, and " +
                    quoted(service.balance) + " by what it chose before",
                "use balance = \"maglev\" or \"rendezvous\", or leave affinity out");
}

void check_one_packet(const ConfigScope& scope, const ServiceConfig& service) {
  if (!service.one_packet) return;
  const auto refuse = [&](std::string what, std::string remedy) {
    scope.error("one_packet", std::move(what), std::move(remedy));
  };
  if (service.protocol != Protocol::udp)
    refuse("one_packet is for UDP: a TCP connection has more than one packet",
           "use protocol = \"udp\", or leave it out");
  if (service.forward == Forward::nat)
    refuse("forward = \"nat\" needs a session for the answer, and one_packet remembers nothing",
           "use another way of forwarding, or leave it out");
  if (service.affinity.timeout != 0ms)
    refuse("one_packet remembers nothing, and affinity remembers clients",
           "use hash = \"source\" in place of affinity, or leave it out");
  if (service.balance == Balance::weighted_least_connection)
    refuse(
        "one_packet counts no flows, and " + quoted(service.balance) + " chooses by their number",
        "use balance = \"weighted_round_robin\", or leave it out");
}

void check_backend(const ConfigScope& scope, const ServiceConfig& service,
                   const BackendConfig& backend) {
  scope.range<std::uint32_t>("max_connections", backend.max_connections, 0, max_connections_max);
  if (backend.max_connections > 0 && service.one_packet)
    scope.error("max_connections", "one_packet counts no flows, so there is nothing to limit",
                "leave out max_connections or one_packet");
}

}  // namespace

void check_choosing(const ConfigScope& scope, const ServiceConfig& service) {
  scope.spelling("balance", service.balance);
  scope.spelling("hash", service.hash);
  check_slots(scope, service);
  check_affinity(scope, service);
  check_one_packet(scope, service);
  if (service.hash == HashOf::source && has_state(service.balance))
    scope.error("hash", quoted(service.balance) + " hashes nothing to choose a backend",
                "use balance = \"maglev\" or \"rendezvous\", or leave out hash");
  for (std::size_t i = 0; i < service.backends.size(); ++i)
    check_backend(scope.at(indexed("backend", i)), service, service.backends[i]);
}

}  // namespace sluice
