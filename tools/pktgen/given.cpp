#include "tools/pktgen/given.h"

#include <algorithm>
#include <sched.h>
#include <string>
#include <vector>

namespace sluice::pktgen {
namespace {

constexpr std::uint64_t rate_pps_default = 100'000;
constexpr std::chrono::seconds duration_default{10};
constexpr std::chrono::hours duration_of_count{1};

std::vector<std::uint16_t> usable_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  std::vector<std::uint16_t> out;
  for (std::uint16_t core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &allowed)) out.push_back(core);
  return out;
}

std::expected<void, Error> settle_cores(Options& options) {
  const std::vector<std::uint16_t> usable = usable_cores();
  if (options.cores.empty()) options.cores.push_back(usable.back());
  for (const std::uint16_t core : options.cores)
    if (std::ranges::find(usable, core) == usable.end())
      return std::unexpected(Error{"core " + std::to_string(core) + " cannot be used here",
                                   "--cores",
                                   "write cores from " + std::to_string(usable.front()) + " to " +
                                       std::to_string(usable.back())});
  if (options.cores.size() == 2 && options.cores.front() == options.cores.back())
    return std::unexpected(
        Error{"the same core twice", "--cores", "write it once, or two different ones"});
  return {};
}

std::expected<void, Error> settle_roles(Given& given) {
  Options& options = given.options;
  options.receives = given.only != "send";
  options.sends = given.only != "receive";
  if (options.devices.size() > 2)
    return std::unexpected(
        Error{"more than two ports", "--port", "write one that sends and one that receives"});
  if (options.devices.size() == 2 && options.devices[0] == options.devices[1])
    options.devices.pop_back();
  const bool has_one_role = !options.sends || !options.receives;
  if (has_one_role && options.devices.size() == 2)
    return std::unexpected(Error{"two ports, and one of them has nothing to do", "--only",
                                 "write one --port, or leave --only out"});
  if (has_one_role && options.search)
    return std::unexpected(Error{"a search must see what arrives", "--search", "leave --only out"});
  if (has_one_role && options.cores.size() == 2)
    return std::unexpected(
        Error{"two cores, and one of them has nothing to do", "--only", "write one core"});
  return {};
}

std::expected<void, Error> settle_run(Given& given) {
  Options& options = given.options;
  if (!options.search && (given.trial || options.loss_ppm != 0))
    return std::unexpected(Error{"trials without a search", given.trial ? "--trial" : "--loss",
                                 "write --search, too"});
  if (options.search && (given.duration || options.count))
    return std::unexpected(Error{"a search has trials of its own length",
                                 given.duration ? "--duration" : "--count", "write --trial"});
  options.rate = given.rate.value_or(options.search ? Rate() : Rate(rate_pps_default));
  options.duration = given.duration.value_or(options.count ? duration_of_count : duration_default);
  if (options.search) options.duration = given.trial.value_or(duration_default);
  return {};
}

std::expected<void, Error> settle_traffic(Given& given) {
  Traffic& traffic = given.options.traffic;
  if (traffic.targets.empty()) traffic.targets = *parse_targets("198.19.0.1:80");
  traffic.sources = given.sources.value_or(
      *Prefix::parse(traffic.family() == Family::ipv4 ? "198.18.0.0/16" : "2001:2::/64"));
  if (traffic.opens && traffic.protocol != Protocol::tcp)
    return std::unexpected(
        Error{"only TCP flows are opened", "--open", "leave it out, or write --protocol tcp"});
  if (traffic.sizes.empty()) traffic.sizes = {{frame_bytes_min(traffic), 1}};
  return validate(traffic);
}

}  // namespace

std::expected<Options, Error> settle(Given given) {
  for (const auto step : {settle_roles, settle_run, settle_traffic})
    if (auto done = step(given); !done) return std::unexpected(done.error());
  if (auto done = settle_cores(given.options); !done) return std::unexpected(done.error());
  return std::move(given.options);
}

}  // namespace sluice::pktgen
