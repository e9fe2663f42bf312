#include "bpf/steering.h"

#include <array>
#include <bit>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstring>
#include <linux/if_link.h>
#include <map>
#include <net/if.h>
#include <unistd.h>
#include <utility>

#include "bpf/kernel.h"
#include "bpf/maps.h"
#include "bpf/prefix_rules.h"
#include "bpf/steer.skel.h"

namespace sluice::bpf {
namespace {

using ServiceBytes = std::array<std::uint8_t, sizeof(steer_service_key)>;
using AddressBytes = std::array<std::uint8_t, sizeof(steer_address_key)>;

std::string remedy_for_attaching(int error) {
  switch (-error) {
    case EBUSY:
    case EEXIST:
      return "another XDP program is there; when nobody needs it: ip link set dev INTERFACE xdp "
             "off";
    case EPERM:
      return "run as root";
    case ERANGE:
    case EINVAL:
      return "the driver refuses XDP at this MTU or with these offloads: lower the MTU, or use "
             "driver = \"af_packet\"";
    default:
      return "use driver = \"af_packet\" if this interface cannot do XDP";
  }
}

ServiceBytes bytes_of(const SteeringRules::Service& service) {
  steer_service_key key{};
  std::memcpy(key.address, service.vip.bytes().data(), sizeof key.address);
  key.port = service.port.be().raw();
  key.protocol = static_cast<std::uint8_t>(service.protocol);
  return std::bit_cast<ServiceBytes>(key);
}

// Makes a hash map hold exactly `wanted`: what is new goes in before what is stale goes out.
template <typename Key, typename Value>
int replace(int map, const std::map<Key, Value>& wanted) {
  for (const auto& [key, value] : wanted)
    if (const int error = bpf_map_update_elem(map, key.data(), &value, BPF_ANY); error != 0)
      return error;
  std::vector<Key> stale;
  Key key{};
  const void* previous = nullptr;
  while (bpf_map_get_next_key(map, previous, key.data()) == 0) {
    if (!wanted.contains(key)) stale.push_back(key);
    previous = key.data();
  }
  for (const Key& old : stale) (void)bpf_map_delete_elem(map, old.data());
  return 0;
}

}  // namespace

struct Steering::Program {
  std::string interface_name;
  std::string_view mode;
  steer_bpf* skeleton = nullptr;
  // A link without a pin: the kernel detaches the program when the last descriptor goes, kill -9
  // included.
  int link = -1;

  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (link >= 0) close(link);
    steer_bpf::destroy(skeleton);
  }
};

Steering::Steering(std::unique_ptr<Program> program) : program_(std::move(program)) {}
Steering::Steering(Steering&&) noexcept = default;
Steering& Steering::operator=(Steering&&) noexcept = default;
Steering::~Steering() = default;

std::expected<Steering, Error> Steering::attach(std::string_view interface_name) {
  auto program = std::make_unique<Program>();
  program->interface_name = interface_name;
  const auto where = "interface " + program->interface_name;
  const unsigned index = if_nametoindex(program->interface_name.c_str());
  if (index == 0)
    return failure("no such interface", errno, where, "write its name as `ip link` shows it");
  let_libbpf_warn(true);
  program->skeleton = steer_bpf::open_and_load();
  if (program->skeleton == nullptr)
    return failure("the kernel refuses the steering program", errno, where,
                   "Linux 5.10 or later, run as root");

  const int descriptor = bpf_program__fd(program->skeleton->progs.xsk_def_prog);
  int error = 0;
  for (const auto& [flag, name] :
       {std::pair{XDP_FLAGS_DRV_MODE, "native"}, std::pair{XDP_FLAGS_SKB_MODE, "generic"}}) {
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flag);
    const int link = bpf_link_create(descriptor, static_cast<int>(index), BPF_XDP, &options);
    if (link >= 0) {
      program->mode = name;
      program->link = link;
      return Steering(std::move(program));
    }
    error = link;
    if (error == -EBUSY || error == -EPERM) break;
  }
  return failure("cannot attach the steering program", error, where, remedy_for_attaching(error));
}

std::expected<void, Error> Steering::set_rules(const SteeringRules& rules) {
  std::map<ServiceBytes, std::uint8_t> services;
  std::map<AddressBytes, std::uint8_t> addresses;
  for (const SteeringRules::Service& service : rules.services) services[bytes_of(service)] = 1;
  for (const Address& vip : rules.vips) addresses[vip.bytes()] |= STEER_VIP;
  for (const Address& source : rules.source_pools) addresses[source.bytes()] |= STEER_SOURCE_POOL;
  const std::map<PrefixBytes, PrefixRuleBytes> prefixes = prefix_rules_of(rules.wide);
  if (services.size() > STEER_RULES_MAX / 2 || addresses.size() > STEER_RULES_MAX / 2 ||
      prefixes.size() > STEER_PREFIXES_MAX / 2)
    return std::unexpected(Error{"too many services for the steering program",
                                 "interface " + program_->interface_name,
                                 "at most " + std::to_string(STEER_RULES_MAX / 2) + ", " +
                                     std::to_string(STEER_PREFIXES_MAX / 2) + " prefixes"});
  // Addresses first: a service without its address would lose fragments and pings for a moment.
  int error = replace(bpf_map__fd(program_->skeleton->maps.steer_addresses), addresses);
  if (error == 0) error = replace(bpf_map__fd(program_->skeleton->maps.steer_services), services);
  if (error == 0) error = replace(bpf_map__fd(program_->skeleton->maps.steer_prefixes), prefixes);
  if (error != 0)
    return failure("cannot write the steering rules", error,
                   "interface " + program_->interface_name, "is kernel memory short?");
  return {};
}

std::string_view Steering::mode() const { return program_->mode; }

Steering::Counters Steering::counters() const {
  const int map = bpf_map__fd(program_->skeleton->maps.steer_counters);
  return {.steered = sum_over_cpus(map, STEER_STEERED),
          .passed = sum_over_cpus(map, STEER_PASSED),
          .truncated = sum_over_cpus(map, STEER_TRUNCATED)};
}

}  // namespace sluice::bpf
