#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/result.h"

namespace sluice::dataplane {

/// DPDK's environment: memory and devices. There can be one in a process; it cannot be started
/// twice.
class Eal {
 public:
  struct Options {
    Hugepages hugepages = Hugepages::automatic;
    std::uint32_t memory_mib = 256;
    std::vector<std::uint16_t> worker_cores;  // the calling thread keeps off these
    std::vector<std::string> pci_addresses;   // the only PCI devices that DPDK may touch
  };
  [[nodiscard]] static std::expected<Eal, Error> start(const Options& options);
  Eal(Eal&& other) noexcept;
  Eal& operator=(Eal&&) = delete;
  ~Eal();

  [[nodiscard]] bool uses_hugepages() const { return uses_hugepages_; }

 private:
  explicit Eal(bool uses_hugepages) : uses_hugepages_(uses_hugepages) {}
  bool uses_hugepages_;
  bool owned_ = true;
};

/// Pins the calling thread to a core and makes it known to DPDK, so that it has caches of its own
/// in buffer pools.
[[nodiscard]] std::expected<void, Error> enter_worker_thread(std::uint16_t core);
/// The opposite of enter_worker_thread; called by the same thread before it ends.
void leave_worker_thread();

}  // namespace sluice::dataplane
