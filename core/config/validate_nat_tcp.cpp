#include "core/config/validate_nat_tcp.h"

namespace sluice {
namespace {

// `why`: what the feature needs of the mode and the protocol.
void check_where(const ConfigScope& scope, const ServiceConfig& service, std::string_view key,
                 std::string_view why) {
  if (service.forward != Forward::nat) {
    scope.error(key,
                std::string(key) + " goes with forward = \"nat\" only: " + std::string(why) +
                    ", and with \"" + std::string(spell(service.forward)) +
                    "\" the server's answers do not come by here",
                "leave it out, or use forward = \"nat\"");
  } else if (service.protocol != Protocol::tcp) {
    scope.error(key, std::string(key) + " goes with protocol = \"tcp\" only",
                "leave it out, or write a service for TCP and one for UDP");
  } else if (service.is_nat64()) {
    scope.error(key,
                std::string(key) +
                    " does not go with IPv6 clients of IPv4 servers: it shifts the "
                    "sequence numbers of packets that NAT64 makes anew",
                "leave it out, or give the service backends and a source_pool of IPv6");
  }
}

}  // namespace

void check_nat_tcp(const ConfigScope& scope, const ServiceConfig& service) {
  scope.spelling("proxy_protocol", service.proxy_protocol);
  scope.spelling("syn_cookies", service.syn_cookies);
  if (service.proxy_protocol != ProxyProtocol::off)
    check_where(scope, service, "proxy_protocol",
                "it shifts the sequence numbers of both directions");
  if (service.syn_cookies != SynCookies::off)
    check_where(scope, service, "syn_cookies", "it shifts the sequence numbers of both directions");
}

}  // namespace sluice
