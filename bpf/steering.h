#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/listening.h"
#include "core/net/address.h"
#include "core/result.h"

namespace sluice::bpf {

/// Which packets of a port are the data plane's; everything else stays with the kernel.
struct SteeringRules {
  struct Service {
    Address vip;
    Port port;
    Protocol protocol = Protocol::tcp;
    friend auto operator<=>(const Service&, const Service&) = default;
  };
  std::vector<Service> services;
  std::vector<Listening> wide;        // those that are not one address, port and protocol
  std::vector<Address> vips;          // their fragments and ICMP are steered too
  std::vector<Address> source_pools;  // NAT's own addresses: all TCP, UDP and SCTP, and ICMP errors
  friend bool operator==(const SteeringRules&, const SteeringRules&) = default;
};

/// The XDP program on one network interface that sends the data plane's packets to its AF_XDP
/// sockets (steer.bpf.c). It is there as long as this object or, at most, this process.
class Steering {
 public:
  /// Must come before the interface's AF_XDP sockets are opened: DPDK's driver adopts the program
  /// that it finds.
  [[nodiscard]] static std::expected<Steering, Error> attach(std::string_view interface_name);
  Steering(Steering&& other) noexcept;
  Steering& operator=(Steering&& other) noexcept;
  ~Steering();

  /// Replaces the rules without a moment in which a rule of both sets is missing.
  [[nodiscard]] std::expected<void, Error> set_rules(const SteeringRules& rules);

  /// "native", or "generic" where the driver has no XDP of its own, which costs a copy.
  [[nodiscard]] std::string_view mode() const;

  struct Counters {
    std::uint64_t steered = 0;
    std::uint64_t passed = 0;     // to the kernel
    std::uint64_t truncated = 0;  // passed too, for the kernel to count
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct Program;
  explicit Steering(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

}  // namespace sluice::bpf
