#include "tools/pktgen/environment.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "tools/pktgen/traffic.h"

namespace sluice::pktgen {
namespace {

constexpr std::uint64_t memory_mib =
    192;  // for some 24,000 buffers, one to a page without huge ones
constexpr unsigned cache_buffers = 256;
constexpr std::uint16_t data_room_bytes = RTE_PKTMBUF_HEADROOM + 2'048;
static_assert(frame_bytes_max <= 2'048);

std::uint64_t free_hugepages_mib() {
  std::uint64_t mib = 0;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", ignored)) {
    const std::string name = entry.path().filename().string();  // hugepages-2048kB
    std::uint64_t pages = 0;
    std::ifstream(entry.path() / "free_hugepages") >> pages;
    const std::size_t dash = name.find('-');
    if (dash != std::string::npos)
      mib += pages * std::strtoull(name.c_str() + dash + 1, nullptr, 10) / 1'024;
  }
  return mib;
}

// Of the cores that this process may use, for threads that do not poll.
std::string core_list() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed);
  std::string out;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &allowed)) out += (out.empty() ? "" : ",") + std::to_string(core);
  return out;
}

std::vector<std::string> arguments_for(std::span<const DeviceName> devices, bool hugepages) {
  std::vector<std::string> out = {
      "sluice-pktgen",
      // This thread's; workers register themselves.
      "--lcores=0@(" + core_list() + ")",
      "--no-telemetry",
      "--log-level=lib.*:error",
      "--log-level=pmd.*:warning",
      "--log-level=bus.*:warning",
      // Nothing is shared with a data plane or another generator on this machine.
      "--file-prefix=sluice-pktgen-" + std::to_string(getpid()),
      "-m",
      std::to_string(memory_mib),
      hugepages ? "--in-memory" : "--no-huge",
  };
  if (std::ranges::none_of(devices, &DeviceName::is_pci)) out.emplace_back("--no-pci");
  for (const DeviceName& device : devices)
    if (device.is_pci()) out.insert(out.end(), {"-a", device.name});
  return out;
}

void clear(rte_mempool*, void*, void* object, unsigned) {
  const auto* mbuf = static_cast<const rte_mbuf*>(object);
  std::memset(mbuf->buf_addr, 0, mbuf->buf_len);
}

}  // namespace

std::expected<Environment, Error> Environment::start(std::span<const DeviceName> devices) {
  const bool hugepages = free_hugepages_mib() >= memory_mib;
  std::vector<std::string> arguments = arguments_for(devices, hugepages);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0)
    return std::unexpected(Error{std::string("DPDK does not start: ") + rte_strerror(rte_errno), "",
                                 "see its messages above; sluice-pktgen needs root"});
  return Environment(hugepages);
}

Environment::Environment(Environment&& other) noexcept
    : uses_hugepages_(other.uses_hugepages_), owned_(std::exchange(other.owned_, false)) {}

Environment::~Environment() {
  if (owned_) rte_eal_cleanup();
}

void PoolDeleter::operator()(rte_mempool* pool) const { rte_mempool_free(pool); }

std::expected<Pool, Error> make_pool(const char* name, std::uint32_t buffers) {
  Pool out(rte_pktmbuf_pool_create(name, buffers, cache_buffers, 0, data_room_bytes,
                                   static_cast<int>(rte_socket_id())));
  if (!out)
    return std::unexpected(
        Error{std::string("no memory for packet buffers: ") + rte_strerror(rte_errno), "",
              "free " + std::to_string(memory_mib) + " MiB, or reserve as much in huge pages"});
  rte_mempool_obj_iter(out.get(), clear, nullptr);
  return out;
}

std::expected<void, Error> enter_worker_thread(std::uint16_t core) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(core, &cpus);
  if (pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus) != 0)
    return std::unexpected(Error{"cannot pin a thread to core " + std::to_string(core), "--cores",
                                 "write one that this process may use"});
  if (rte_thread_register() != 0)
    return std::unexpected(Error{std::string("DPDK refuses a thread: ") + rte_strerror(rte_errno),
                                 "core " + std::to_string(core), "use one core"});
  return {};
}

void leave_worker_thread() { rte_thread_unregister(); }

}  // namespace sluice::pktgen
