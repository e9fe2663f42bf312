#include "dataplane/engine.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <new>
#include <pthread.h>
#include <random>
#include <sched.h>
#include <unistd.h>
#include <utility>

#include "dataplane/directory.h"
#include "dataplane/dpdk/clock.h"
#include "dataplane/l4/flow_memory.h"

namespace sluice::dataplane {
namespace {

std::uint64_t random64() {
  std::random_device source;
  return static_cast<std::uint64_t>(source()) << 32 | source();
}

// By default one worker, on the last core that this process may use: the first ones have the
// interrupts.
std::vector<std::uint16_t> worker_cores(const DataplaneConfig& config) {
  if (!config.cores.empty()) return config.cores;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  for (std::uint16_t core = CPU_SETSIZE - 1; core > 0; --core)
    if (CPU_ISSET(core, &allowed)) return {core};
  return {0};
}

bpf::SteeringRules rules_of(const Snapshot& snapshot) {
  bpf::SteeringRules out;
  for (const Listener& listener : snapshot.listeners) {
    if (!listener.in_use) continue;
    if (snapshot.services[listener.service].forward == Forward::local) continue;
    if (listener.is_wide) {
      out.wide.push_back(listener.listening());
      continue;
    }
    out.services.push_back({listener.vip, listener.port, listener.protocol});
    out.vips.push_back(listener.vip);
  }
  for (const Service& service : snapshot.services)
    for (const std::uint16_t source : service.source_pool)
      out.source_pools.push_back(snapshot.sources[source]);
  for (auto* list : {&out.vips, &out.source_pools}) {
    std::ranges::sort(*list);
    const auto repeated = std::ranges::unique(*list);
    list->erase(repeated.begin(), repeated.end());
  }
  return out;
}

}  // namespace

std::expected<std::unique_ptr<Engine>, Error> Engine::start(const Config& config,
                                                            const std::string& run_dir) {
  std::unique_ptr<Engine> engine(new Engine);
  engine->cores_ = worker_cores(config.dataplane);
  Eal::Options options{.hugepages = config.dataplane.hugepages,
                       .memory_mib = config.dataplane.memory_mib,
                       .worker_cores = engine->cores_,
                       .pci_addresses = {}};
  for (const PortConfig& port : config.ports)
    if (port.driver == Driver::pci) options.pci_addresses.push_back(port.device);
  auto eal = Eal::start(options);
  if (!eal) return std::unexpected(std::move(eal.error()));
  engine->eal_ = std::make_unique<Eal>(std::move(*eal));
  if (!engine->eal_->uses_hugepages())
    engine->notes_.emplace_back(
        "no hugepages: packet buffers are in ordinary pages, which costs address translations");
  auto pool = BufferPool::create(config.dataplane.memory_mib);
  if (!pool) return std::unexpected(std::move(pool.error()));
  engine->pool_ = std::make_unique<BufferPool>(std::move(*pool));

  if (auto done = engine->open_ports(config); !done)
    return std::unexpected(std::move(done.error()));
  if (auto done = engine->make_counters(run_dir); !done)
    return std::unexpected(std::move(done.error()));
  engine->cell_ = std::make_unique<SnapshotCell>(engine->cores_.size());
  for (std::uint16_t i = 0; i < engine->cores_.size(); ++i)
    if (auto done = engine->make_worker(config, run_dir, i); !done)
      return std::unexpected(std::move(done.error()));
  if (auto done = engine->run_workers(); !done) return std::unexpected(std::move(done.error()));
  return engine;
}

Engine::~Engine() { stop_.store(true); }

CountersSegment& Engine::segment() const {
  return *reinterpret_cast<CountersSegment*>(counters_file_->memory().data());
}

std::expected<void, Error> Engine::open_ports(const Config& config) {
  const auto workers = static_cast<std::uint16_t>(cores_.size());
  for (std::size_t i = 0; i < config.ports.size(); ++i)
    if (auto done = open_port(config.ports[i], static_cast<PortIndex>(i)); !done) return done;
  for (std::uint16_t i = 0; i < workers; ++i) {
    auto hand_over = HandOver::create(i);
    if (!hand_over) return std::unexpected(std::move(hand_over.error()));
    hand_overs_.push_back(std::move(*hand_over));
  }
  // The first port that spreads by RSS sets the arithmetic; packets of others may have to be handed
  // over.
  std::vector<std::uint16_t> redirection;
  for (const PortPair& pair : ports_)
    if (redirection.empty()) redirection = pair.port.redirection();
  for (std::uint16_t& queue : redirection) queue = static_cast<std::uint16_t>(queue % workers);
  return_steering_ = std::make_unique<ReturnSteering>(
      redirection.empty() ? ReturnSteering::even(workers) : ReturnSteering(std::move(redirection)));
  return {};
}

std::expected<void, Error> Engine::open_port(const PortConfig& config, PortIndex index) {
  const auto workers = static_cast<std::uint16_t>(cores_.size());
  if (config.driver == Driver::af_xdp) {
    auto steering = bpf::Steering::attach(config.device);
    if (!steering) return std::unexpected(std::move(steering.error()));
    if (steering->mode() != "native")
      notes_.push_back("port " + config.name + ": XDP in " + std::string(steering->mode()) +
                       " mode, since the driver of " + config.device +
                       " has none of its own; slower");
    steerings_.emplace(config.name, std::move(*steering));
  }
  auto port = Port::open({.config = config, .index = index, .workers = workers}, *pool_);
  if (!port) return std::unexpected(std::move(port.error()));
  notes_.insert(notes_.end(), port->notes().begin(), port->notes().end());
  std::optional<Port> kernel_tap;
  if (config.kernel_tap) {
    // DPDK names the TAP's device by number, apart from tap ports of the configuration.
    const PortConfig tap{.name = config.name, .driver = Driver::tap, .device = config.name};
    auto opened = Port::open(
        {.config = tap, .index = static_cast<PortIndex>(index + 1000), .workers = workers}, *pool_);
    if (!opened) return std::unexpected(std::move(opened.error()));
    kernel_tap.emplace(std::move(*opened));
  }
  ports_.push_back({std::move(*port), std::move(kernel_tap)});
  return {};
}

std::expected<void, Error> Engine::make_counters(const std::string& run_dir) {
  auto file = SharedFile::create(run_dir + "/counters", worker_counters_offset(cores_.size()));
  if (!file) return std::unexpected(std::move(file.error()));
  counters_file_ = std::make_unique<SharedFile>(std::move(*file));
  CountersSegment& counters = segment();
  counters.version = shared_memory_version;
  counters.pid = static_cast<std::uint32_t>(getpid());
  counters.workers = static_cast<std::uint32_t>(cores_.size());
  counters.boot_id = random64();
  std::atomic_ref(counters.magic).store(shared_memory_magic, std::memory_order_release);
  return counters_file_->show();
}

std::expected<void, Error> Engine::make_worker(const Config& config, const std::string& run_dir,
                                               std::uint16_t number) {
  const std::size_t flows_max = config.dataplane.flows_max;
  auto file = SharedFile::create(run_dir + "/flows." + std::to_string(number),
                                 FlowMemory::size_bytes(flows_max));
  if (!file) return std::unexpected(std::move(file.error()));
  const FlowMemory memory = FlowMemory::lay_out(file->memory(), flows_max, number, random64(),
                                                static_cast<std::uint32_t>(getpid()));
  if (auto shown = file->show(); !shown) return shown;
  flow_files_.push_back(std::move(*file));

  auto& counters = *reinterpret_cast<WorkerCounters*>(counters_file_->memory().data() +
                                                      worker_counters_offset(number));
  Pipeline::Options options{
      .worker = number,
      .workers = static_cast<std::uint16_t>(cores_.size()),
      .port_macs = {},
      .port_mtus_bytes = {},
      .cookie_key = {random64(), random64()},
      .all_counters = {reinterpret_cast<WorkerCounters*>(counters_file_->memory().data() +
                                                         worker_counters_offset(0)),
                       cores_.size()}};
  for (const PortPair& pair : ports_) {
    options.port_macs.push_back(pair.port.mac());
    options.port_mtus_bytes.push_back(pair.port.mtu_bytes());
  }
  pipelines_.emplace_back(memory, *return_steering_, counters, std::move(options));
  workers_.emplace_back(Worker::Parts{.number = number,
                                      .idle = config.dataplane.idle,
                                      .ports = ports_,
                                      .hand_overs = hand_overs_,
                                      .cell = *cell_,
                                      .pipeline = pipelines_.back(),
                                      .counters = counters});
  return {};
}

std::expected<void, Error> Engine::run_workers() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    std::promise<std::expected<void, Error>> entered;
    auto result = entered.get_future();
    threads_.emplace_back([this, i, &entered] {
      pthread_setname_np(pthread_self(), ("worker-" + std::to_string(i)).c_str());
      auto entry = enter_worker_thread(cores_[i]);
      const bool pinned = entry.has_value();
      entered.set_value(std::move(entry));
      if (!pinned) {
        cell_->reader(i).retire();
        return;
      }
      workers_[i].run(stop_);
      leave_worker_thread();
    });
    if (auto entry = result.get(); !entry) return entry;
  }
  return {};
}

std::expected<void, Error> Engine::publish(Snapshot snapshot, std::uint64_t config_generation) {
  // Numbers, names and addresses, and so the directory and what the ports let through, follow from
  // the configuration and not from health.
  const bool is_known = shown_config_ == snapshot.inputs.config;
  if (!is_known || segment().config_generation != config_generation)
    write_directory(segment(), snapshot, config_generation);
  shown_config_ = snapshot.inputs.config;
  cell_->publish(std::make_unique<const Snapshot>(std::move(snapshot)));
  if (is_known && is_steered_) return {};
  auto steered = steer(*cell_->published());
  is_steered_ = steered.has_value();
  return steered;
}

std::expected<void, Error> Engine::steer(const Snapshot& snapshot) {
  if (steerings_.empty()) return {};
  const bpf::SteeringRules rules = rules_of(snapshot);
  for (auto& [name, steering] : steerings_)
    if (auto done = steering.set_rules(rules); !done) return done;
  return {};
}

std::expected<void, Error> Engine::start_capture(CaptureRequest request) {
  stop_capture();
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  const auto now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(since_1970).count();
  auto capture = CaptureSession::make(std::move(request),
                                      {.workers = static_cast<std::uint16_t>(workers_.size()),
                                       .epoch_ns = static_cast<std::uint64_t>(now_ns) - clock_ns()},
                                      CaptureSession::Clock::now());
  if (!capture) return std::unexpected(std::move(capture.error()));
  capture_ = std::move(*capture);
  const auto taps = capture_->taps();
  for (std::size_t i = 0; i < workers_.size(); ++i) workers_[i].set_tap(taps[i]);
  return {};
}

void Engine::stop_capture() {
  if (capture_ == nullptr) return;
  for (Worker& worker : workers_) worker.set_tap(nullptr);
  cell_->wait_for_workers();
  capture_.reset();
}

std::vector<std::string> Engine::notes() const { return notes_; }

}  // namespace sluice::dataplane
