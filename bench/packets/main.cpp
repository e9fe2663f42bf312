// Takes the figures of the packet path that `tools/bench packets` shows, and writes them as lines
// of JSON: one about the program, then one for each group of cases.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <sched.h>
#include <string>
#include <vector>

#include "bench/packets/cases.h"
#include "bench/packets/group_run.h"
#include "bench/packets/null_port.h"
#include "bench/packets/sampler.h"
#include "dataplane/dpdk/clock.h"
#include "dataplane/dpdk/eal.h"

namespace sluice::bench {
namespace {

using nlohmann::json;

constexpr std::size_t flows_max_under_callgrind = 10'000;
constexpr std::uint32_t buffers_mib = 32;  // some ten thousand, as a port with its rings has

struct Arguments {
  std::string pattern = ".*";
  std::string group = ".*";
  unsigned rounds = 15;
  unsigned slice_ms = 40;
  std::uint32_t memory_mib = 384;
  int core = -1;  // the last one
  bool has_huge_pages = true;
  bool list = false;
  bool null_port = false;
  unsigned bursts = 0;
  unsigned sample_seconds = 0;
};

// What every way of taking figures needs.
struct Machine {
  dataplane::Eal eal;
  dataplane::BufferPool pool;
  Watch watch;
  int core;
};

std::vector<Group> chosen_groups(const Arguments& arguments) {
  const std::regex pattern(arguments.pattern);
  const std::regex name(arguments.group);
  std::vector<Group> out;
  for (const Group& group : all_groups()) {
    if (!std::regex_match(group.name, name)) continue;
    Group chosen{group.name, {}};
    for (const Case& what : group.cases)
      if (std::regex_search(what.name, pattern)) chosen.cases.push_back(what);
    if (!chosen.cases.empty()) out.push_back(std::move(chosen));
  }
  return out;
}

std::vector<Case> chosen_cases(const Arguments& arguments) {
  std::vector<Case> out;
  for (const Group& group : chosen_groups(arguments))
    for (const Case& what : group.cases)
      if (std::ranges::none_of(out, [&](const Case& other) { return other.name == what.name; }))
        out.push_back(what);
  return out;
}

void print(const json& line) { std::cout << line.dump() << std::endl; }

int last_core(const cpu_set_t& allowed) {
  for (int core = CPU_SETSIZE - 1; core > 0; --core)
    if (CPU_ISSET(core, &allowed)) return core;
  return 0;
}

// The thread stays on one core from before DPDK starts, so that it is DPDK's main one there.
std::expected<int, Error> pin(int wanted) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  sched_getaffinity(0, sizeof cpus, &cpus);
  const int core = wanted >= 0 ? wanted : last_core(cpus);
  CPU_ZERO(&cpus);
  if (core < CPU_SETSIZE) CPU_SET(core, &cpus);
  if (sched_setaffinity(0, sizeof cpus, &cpus) != 0)
    return std::unexpected(Error{"cannot run there", "core " + std::to_string(core),
                                 "give a --core that this process may use"});
  return core;
}

std::expected<Machine, Error> start(const Arguments& arguments) {
  const auto core = pin(arguments.core);
  if (!core) return std::unexpected(core.error());
  auto eal = dataplane::Eal::start(
      {.hugepages = arguments.has_huge_pages ? Hugepages::automatic : Hugepages::off,
       .memory_mib = arguments.memory_mib,
       .worker_cores = {},
       .pci_addresses = {}});
  if (!eal) return std::unexpected(std::move(eal.error()));
  auto pool = dataplane::BufferPool::create(buffers_mib);
  if (!pool) return std::unexpected(std::move(pool.error()));
  return Machine{std::move(*eal), std::move(*pool), Watch(), *core};
}

json about(const Machine& machine) {
  return {{"program", "bench_packets"},
          {"ticks_per_second", ticks_per_second()},
          {"watch_ticks", machine.watch.cost()},
          {"core", machine.core},
          {"huge_pages", machine.eal.uses_hugepages()},
          {"buffers", machine.pool.buffers()},
          {"burst", burst_max}};
}

json in_json(const std::vector<Round>& rounds) {
  json out = {{"median", json::array()}, {"mean", json::array()}};
  for (const Round& round : rounds) {
    out["median"].push_back(round.median);
    out["mean"].push_back(round.mean);
  }
  return out;
}

json in_json(const Case& what, const CaseFigures& figures) {
  return {{"name", what.name},    {"ticks", in_json(figures.rounds)}, {"bursts", figures.bursts},
          {"sent", figures.sent}, {"remembered", figures.remembered}, {"reloads", figures.reloads}};
}

int measure(const Arguments& arguments, Machine& machine) {
  auto hash = HashYardstick::create();
  if (!hash) {
    std::cerr << "bench_packets: " << hash.error().text() << "\n";
    return 1;
  }
  for (const Group& group : chosen_groups(arguments)) {
    std::cerr << "building " << group.cases.size() << " cases of " << group.name << std::endl;
    GroupRun run(group, {.pool = machine.pool, .watch = machine.watch, .hash = *hash},
                 std::chrono::milliseconds(arguments.slice_ms));
    std::cerr << "taking the figures of " << group.name << std::endl;
    for (unsigned i = 0; i < arguments.rounds; ++i) run.round();
    json line = {{"group", group.name},
                 {"rte_hash", {{"ticks", in_json(run.hash_rounds())}}},
                 {"rte_hash_keys_in_memory", {{"ticks", in_json(run.list_rounds())}}},
                 {"buffers", {{"ticks", in_json(run.buffer_rounds())}}},
                 {"cases", json::array()}};
    const std::vector<CaseFigures> figures = run.figures();
    for (std::size_t i = 0; i < figures.size(); ++i)
      line["cases"].push_back(in_json(group.cases[i], figures[i]));
    line["rte_hash"]["misses"] = hash->misses();
    print(line);
  }
  return 0;
}

// A round for each line that is read, so that somebody else's program can take turns with it.
// Means, for that program's figures are not of single bursts.
int forward_on_null_port(const Arguments& arguments, Machine& machine) {
  auto port = NullPort::open(machine.pool, machine.watch);
  if (!port) {
    std::cerr << "bench_packets: " << port.error().text() << "\n";
    return 1;
  }
  const std::vector<Case> cases = chosen_cases(arguments);
  std::vector<std::unique_ptr<Scene>> scenes;
  for (const Case& what : cases)
    scenes.push_back(std::make_unique<Scene>(what.options, dataplane::clock_ns()));
  print({{"ready", scenes.size()}});
  for (std::string line; std::getline(std::cin, line);) {
    json round = json::array();
    for (std::size_t i = 0; i < scenes.size(); ++i) {
      const NullPort::Figures figures =
          (*port)->run(*scenes[i], std::chrono::milliseconds(arguments.slice_ms));
      round.push_back({{"name", cases[i].name},
                       {"ticks", figures.forwarding.mean},
                       {"ticks_with_writing", figures.all.mean},
                       {"sent", scenes[i]->sent_share()}});
    }
    print({{"round", round}});
  }
  return 0;
}

// For callgrind, which counts instructions, slowly: there are no more of them with many flows than
// with some.
int forward_bursts(const Arguments& arguments, Machine& machine) {
  for (Case what : chosen_cases(arguments)) {
    what.options.flows = std::min(what.options.flows, flows_max_under_callgrind);
    Scene scene(what.options);
    BufferBurst burst(machine.pool, machine.watch);
    for (unsigned i = 0; i < arguments.bursts; ++i) (void)burst.forward(scene);
    print({{"name", what.name},
           {"packets", arguments.bursts * burst_max},
           {"sent", scene.sent_share()}});
  }
  return 0;
}

int sample(const Arguments& arguments, Machine& machine) {
  constexpr std::chrono::microseconds interval(103);  // a prime: no rhythm of the code's
  for (const Case& what : chosen_cases(arguments)) {
    Scene scene(what.options);
    BufferBurst burst(machine.pool, machine.watch);
    std::vector<std::uint32_t> bursts;
    const std::uint64_t length = ticks_per_second() * arguments.sample_seconds;
    Sampler sampler(interval, arguments.sample_seconds * 10'000);
    for (const std::uint64_t begin = ticks(); ticks() - begin < length;)
      bursts.push_back(static_cast<std::uint32_t>(burst.forward(scene)));
    json places = json::array();
    for (const Sampler::Place& place : sampler.places())
      places.push_back(
          {{"file", place.file}, {"offset", place.offset}, {"samples", place.samples}});
    print(
        {{"name", what.name}, {"ticks", summarise(bursts, burst_max).median}, {"places", places}});
  }
  return 0;
}

void list(const Arguments& arguments) {
  for (const Group& group : chosen_groups(arguments))
    for (const Case& what : group.cases) std::cout << group.name << " " << what.name << "\n";
}

void describe(CLI::App& app, Arguments& arguments) {
  app.add_option("--case", arguments.pattern,
                 "only cases whose name this regular expression finds");
  app.add_option("--group", arguments.group, "only groups of this name, a regular expression");
  app.add_option("--rounds", arguments.rounds)
      ->check(CLI::Range(1U, 10'000U))
      ->capture_default_str();
  app.add_option("--slice", arguments.slice_ms, "milliseconds that a case runs in each round")
      ->check(CLI::Range(1U, 60'000U))
      ->capture_default_str();
  app.add_option("--memory", arguments.memory_mib, "MiB for DPDK")
      ->check(CLI::Range(64U, 65'536U))
      ->capture_default_str();
  app.add_option("--core", arguments.core, "the core to run on (default: the last one)")
      ->check(CLI::Range(0, CPU_SETSIZE - 1));
  app.add_flag("!--no-huge", arguments.has_huge_pages, "ordinary pages for DPDK");
  app.add_flag("--list", arguments.list, "only say which cases there are");
  app.add_flag("--null-port", arguments.null_port,
               "forward on a null port, a round for each line of standard input");
  app.add_option("--bursts", arguments.bursts, "take no figures, only forward so many bursts");
  app.add_option("--sample", arguments.sample_seconds,
                 "say where the time goes, watching each case for so many seconds")
      ->check(CLI::Range(1U, 600U));
}

int run(const Arguments& arguments) {
  if (chosen_cases(arguments).empty()) {
    std::cerr << "bench_packets: no case is called that: see --list\n";
    return 2;
  }
  if (arguments.list) {
    list(arguments);
    return 0;
  }
  auto machine = start(arguments);
  if (!machine) {
    std::cerr << "bench_packets: " << machine.error().text() << "\n";
    return 1;
  }
  print(about(*machine));
  if (arguments.null_port) return forward_on_null_port(arguments, *machine);
  if (arguments.bursts > 0) return forward_bursts(arguments, *machine);
  if (arguments.sample_seconds > 0) return sample(arguments, *machine);
  return measure(arguments, *machine);
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  CLI::App app("Figures of the packet path, as lines of JSON; tools/bench packets makes tables.");
  sluice::bench::Arguments arguments;
  sluice::bench::describe(app, arguments);
  CLI11_PARSE(app, argc, argv);
  try {
    return sluice::bench::run(arguments);
  } catch (const std::regex_error& error) {
    std::cerr << "bench_packets: no regular expression: " << error.what() << "\n";
    return 2;
  }
}
