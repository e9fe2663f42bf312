#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>

#include "core/result.h"
#include "tools/pktgen/device_name.h"

struct rte_mempool;

namespace sluice::pktgen {

/// DPDK's memory and devices; there can be one in a process, beside those of other processes. Uses
/// huge pages when enough are free, and touches no PCI device but those that are named.
class Environment {
 public:
  [[nodiscard]] static std::expected<Environment, Error> start(std::span<const DeviceName> devices);
  Environment(Environment&& other) noexcept;
  Environment& operator=(Environment&&) = delete;
  ~Environment();

  [[nodiscard]] bool uses_hugepages() const { return uses_hugepages_; }

 private:
  explicit Environment(bool uses_hugepages) : uses_hugepages_(uses_hugepages) {}
  bool uses_hugepages_;
  bool owned_ = true;
};

struct PoolDeleter {
  void operator()(rte_mempool* pool) const;
};
using Pool = std::unique_ptr<rte_mempool, PoolDeleter>;

/// Buffers for packets, all of whose bytes are zero. `name`: of its own in the process.
[[nodiscard]] std::expected<Pool, Error> make_pool(const char* name, std::uint32_t buffers);

/// Pins the calling thread to a core and makes it known to DPDK, so that it has caches of its own
/// in pools.
[[nodiscard]] std::expected<void, Error> enter_worker_thread(std::uint16_t core);
/// The opposite; called by the same thread before it ends.
void leave_worker_thread();

}  // namespace sluice::pktgen
