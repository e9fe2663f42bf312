#include "dataplane/dpdk/eal.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <unistd.h>
#include <utility>

namespace sluice::dataplane {
namespace {

// MiB of free hugepages of the default and other sizes together.
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
      mib += pages * std::strtoull(name.c_str() + dash + 1, nullptr, 10) / 1024;
  }
  return mib;
}

// A CPU list of this thread's processors less the workers': "0,2-3" is written "0,2,3".
std::string other_cores(const std::vector<std::uint16_t>& worker_cores) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed);
  std::string others;
  std::string all;
  for (std::uint16_t core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed)) continue;
    all += (all.empty() ? "" : ",") + std::to_string(core);
    if (std::ranges::find(worker_cores, core) == worker_cores.end())
      others += (others.empty() ? "" : ",") + std::to_string(core);
  }
  return others.empty() ? all : others;
}

std::vector<std::string> arguments_for(const Eal::Options& options, bool hugepages) {
  std::vector<std::string> out = {
      "sluice-dataplane",
      // One lcore for this thread, on every core that no worker has; workers register themselves.
      "--lcores=0@(" + other_cores(options.worker_cores) + ")",
      "--no-telemetry",
      "--log-level=lib.*:warning",
      "--log-level=pmd.*:warning",
      "--log-level=bus.*:warning",
      "--file-prefix=sluice-" + std::to_string(getpid()),
      "-m",
      std::to_string(options.memory_mib),
  };
  if (hugepages)
    out.emplace_back("--in-memory");
  else
    out.emplace_back("--no-huge");
  if (options.pci_addresses.empty()) out.emplace_back("--no-pci");
  for (const std::string& address : options.pci_addresses) {
    out.emplace_back("-a");
    out.push_back(address);
  }
  return out;
}

}  // namespace

std::expected<Eal, Error> Eal::start(const Options& options) {
  const std::uint64_t free_mib = free_hugepages_mib();
  const bool enough = free_mib >= options.memory_mib;
  if (options.hugepages == Hugepages::on && !enough)
    return std::unexpected(
        Error{"hugepages are on, but only " + std::to_string(free_mib) + " MiB are free and " +
                  std::to_string(options.memory_mib) + " MiB wanted",
              "/sys/kernel/mm/hugepages",
              "reserve them: echo " + std::to_string((options.memory_mib + 1) / 2 + 1) +
                  " > /proc/sys/vm/nr_hugepages, or write hugepages = \"auto\""});
  const bool hugepages = options.hugepages != Hugepages::off && enough;
  std::vector<std::string> arguments = arguments_for(options, hugepages);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0)
    return std::unexpected(Error{std::string("DPDK does not start: ") + rte_strerror(rte_errno),
                                 "rte_eal_init",
                                 "see its messages above; sluice-dataplane needs root"});
  return Eal(hugepages);
}

Eal::Eal(Eal&& other) noexcept
    : uses_hugepages_(other.uses_hugepages_), owned_(std::exchange(other.owned_, false)) {}

Eal::~Eal() {
  if (owned_) rte_eal_cleanup();
}

std::expected<void, Error> enter_worker_thread(std::uint16_t core) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(core, &cpus);
  if (const int error = pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus); error != 0)
    return std::unexpected(Error{"cannot pin a worker", "core " + std::to_string(core),
                                 "list cores in [dataplane] cores that this process may use"});
  if (rte_thread_register() != 0)
    return std::unexpected(
        Error{std::string("DPDK refuses a worker thread: ") + rte_strerror(rte_errno),
              "core " + std::to_string(core), "use fewer cores"});
  return {};
}

void leave_worker_thread() { rte_thread_unregister(); }

}  // namespace sluice::dataplane
