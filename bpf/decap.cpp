#include "bpf/decap.h"

#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <memory>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "bpf/decap.skel.h"
#include "bpf/kernel.h"
#include "bpf/maps.h"
#include "bpf/traffic_control.h"
#include "core/net/wire.h"

namespace sluice::bpf {
namespace {

constexpr std::string_view program_name = "sluice_decap";
constexpr std::uint32_t settings_index = 0;

// By enum decap_counter.
constexpr std::array<std::string_view, DECAP_COUNTERS> counter_names = {
    "decapsulated_4in4", "decapsulated_6in4", "decapsulated_4in6", "decapsulated_6in6",
    "passed_not_vip",    "passed_source",     "passed_fragment",   "passed_options",
    "passed_malformed",  "passed_not_host",   "dropped_ecn",       "dropped_unable",
};

struct DestroySkeleton {
  void operator()(decap_bpf* skeleton) const { decap_bpf::destroy(skeleton); }
};
using Skeleton = std::unique_ptr<decap_bpf, DestroySkeleton>;

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_ = -1;
};

// The maps of a program that is in the kernel, found by its number.
struct Attached {
  std::uint32_t program_id = 0;
  Descriptor vips, sources, settings, counters;
};

std::string where(const std::string& device) { return "device " + device; }

std::expected<int, Error> index_of(const std::string& device) {
  const unsigned index = if_nametoindex(device.c_str());
  if (index == 0)
    return std::unexpected(
        Error{"no such device", where(device), "write its name as `ip link` shows it"});
  return static_cast<int>(index);
}

// The program counts on an Ethernet header in front of the outer IP header.
std::expected<void, Error> require_ethernet(const std::string& device) {
  const Descriptor any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::copy_n(device.begin(), std::min(device.size(), std::size_t{IFNAMSIZ - 1}),
              static_cast<char*>(request.ifr_name));
  if (ioctl(any.get(), SIOCGIFHWADDR, &request) != 0)
    return failure("cannot read what kind of device it is", errno, where(device), "");
  const auto type = request.ifr_hwaddr.sa_family;
  if (type != ARPHRD_ETHER && type != ARPHRD_LOOPBACK)
    return std::unexpected(Error{"not an Ethernet device", where(device),
                                 "name the one on which the balancer's packets arrive"});
  return {};
}

std::expected<Attached, int> open_attached(std::uint32_t program_id) {
  Attached out{.program_id = program_id, .vips = {}, .sources = {}, .settings = {}, .counters = {}};
  const Descriptor program(bpf_prog_get_fd_by_id(program_id));
  if (program.get() < 0) return std::unexpected(-errno);
  std::array<std::uint32_t, 16> ids{};
  bpf_prog_info info{};
  info.nr_map_ids = ids.size();
  info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
  std::uint32_t size = sizeof info;
  if (const int error = bpf_obj_get_info_by_fd(program.get(), &info, &size); error != 0)
    return std::unexpected(error);
  if (std::string_view(info.name) != program_name) return std::unexpected(-EEXIST);
  const std::pair<std::string_view, Descriptor*> wanted[] = {{"decap_vips", &out.vips},
                                                             {"decap_sources", &out.sources},
                                                             {"decap_settings", &out.settings},
                                                             {"decap_counters", &out.counters}};
  for (std::size_t i = 0; i < std::min<std::size_t>(info.nr_map_ids, ids.size()); ++i) {
    Descriptor map(bpf_map_get_fd_by_id(ids[i]));
    bpf_map_info map_info{};
    size = sizeof map_info;
    if (map.get() < 0 || bpf_obj_get_info_by_fd(map.get(), &map_info, &size) != 0) continue;
    for (const auto& [name, place] : wanted)
      if (name == static_cast<const char*>(map_info.name)) *place = std::move(map);
  }
  for (const auto& [name, place] : wanted)
    if (place->get() < 0) return std::unexpected(-EEXIST);
  return out;
}

// What stands at our place on the device: nothing, or our program.
std::expected<std::optional<Attached>, Error> find(const std::string& device,
                                                   const TrafficControl& tc) {
  const auto id = tc.program();
  if (!id) return failure("cannot ask for the tc filter", id.error(), where(device), "run as root");
  if (*id == 0) return std::nullopt;
  auto attached = open_attached(*id);
  if (attached) return std::move(*attached);
  if (attached.error() == -EEXIST)
    return std::unexpected(Error{"the tc filter at our priority is somebody else's", where(device),
                                 "see `tc filter show dev " + device + " ingress`"});
  return failure("cannot open the attached program", attached.error(), where(device),
                 "run as root");
}

// Whether the kernel learns the inner family from adjust_room's flags: tried on a 6in4 packet.
bool has_decap_flags(const decap_bpf& skeleton) {
  struct {
    wire::EthernetHeader ethernet;
    wire::Ipv4Header outer;
    wire::Ipv6Header inner;
  } packet{};
  packet.ethernet.ether_type = Be16::from_host(wire::ether_type_ipv4);
  packet.outer.version_ihl = 0x45;
  packet.inner.version_class_label = Be32::from_host(6U << 28);
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &packet, .data_size_in = sizeof packet);
  return bpf_prog_test_run_opts(bpf_program__fd(skeleton.progs.decap_probe), &options) == 0 &&
         options.retval == 1;
}

decap_vip_key key_of(const Address& vip) {
  decap_vip_key key{};
  std::ranges::copy(vip.bytes(), static_cast<std::uint8_t*>(key.address));
  return key;
}

decap_source_key key_of(const Prefix& source) {
  decap_source_key key{};
  key.family = static_cast<std::uint8_t>(source.address.family());
  key.prefix_bits = 8U + source.length_bits + (source.address.is_ipv4() ? 96U : 0U);
  std::ranges::copy(source.address.bytes(), static_cast<std::uint8_t*>(key.address));
  return key;
}

Address address_in(const std::uint8_t* bytes) {
  return Address::from_bytes(load_unaligned<std::array<std::uint8_t, 16>>(bytes));
}

Prefix prefix_of(const decap_source_key& key) {
  const unsigned before = key.family == 4 ? 8 + 96 : 8;
  return {address_in(static_cast<const std::uint8_t*>(key.address)),
          static_cast<std::uint8_t>(key.prefix_bits - before)};
}

template <typename Key>
std::vector<Key> keys_in(int map) {
  std::vector<Key> out;
  Key key{};
  const void* previous = nullptr;
  while (bpf_map_get_next_key(map, previous, &key) == 0) {
    out.push_back(key);
    previous = &key;
  }
  return out;
}

int write_rules(const decap_bpf& skeleton, const DecapRules& rules,
                const decap_settings& settings) {
  constexpr std::uint8_t present = 1;
  for (const Address& vip : rules.vips) {
    const decap_vip_key key = key_of(vip);
    if (const int error =
            bpf_map_update_elem(bpf_map__fd(skeleton.maps.decap_vips), &key, &present, BPF_ANY);
        error != 0)
      return error;
  }
  for (const Prefix& source : rules.sources) {
    const decap_source_key key = key_of(source);
    if (const int error =
            bpf_map_update_elem(bpf_map__fd(skeleton.maps.decap_sources), &key, &present, BPF_ANY);
        error != 0)
      return error;
  }
  return bpf_map_update_elem(bpf_map__fd(skeleton.maps.decap_settings), &settings_index, &settings,
                             BPF_ANY);
}

// All zero when they cannot be read.
decap_settings settings_of(const Attached& attached) {
  decap_settings settings{};
  (void)bpf_map_lookup_elem(attached.settings.get(), &settings_index, &settings);
  return settings;
}

bool made_qdisc(const Attached& attached) { return settings_of(attached).made_qdisc != 0; }

// The program, loaded with its rules in its maps.
std::expected<Skeleton, Error> load(const std::string& device, const DecapRules& rules,
                                    bool qdisc_is_ours) {
  let_libbpf_warn(geteuid() == 0);
  Skeleton skeleton(decap_bpf::open_and_load());
  const int load_error = errno;
  let_libbpf_warn(false);
  if (skeleton == nullptr)
    return failure("the kernel refuses the decapsulation program", load_error, where(device),
                   geteuid() == 0 ? "Linux 5.10 or later is needed" : "run as root");
  const decap_settings settings{
      .sources_limited = rules.sources.empty() ? std::uint8_t{0} : std::uint8_t{1},
      .change_family = has_decap_flags(*skeleton) ? std::uint8_t{0} : std::uint8_t{1},
      .made_qdisc = qdisc_is_ours ? std::uint8_t{1} : std::uint8_t{0},
      .zero = 0,
      .gue_port = rules.gue_port.be().raw()};
  if (const int error = write_rules(*skeleton, rules, settings); error != 0)
    return failure("cannot write the rules", error, where(device),
                   "at most " + std::to_string(DECAP_VIPS_MAX) + " VIPs and " +
                       std::to_string(DECAP_SOURCES_MAX) + " sources");
  return skeleton;
}

}  // namespace

std::expected<void, Error> attach_decap(const std::string& device, const DecapRules& rules) {
  let_libbpf_warn(false);
  const auto index = index_of(device);
  if (!index) return std::unexpected(index.error());
  if (auto ethernet = require_ethernet(device); !ethernet) return ethernet;
  const TrafficControl tc(*index);
  const auto before = find(device, tc);
  if (!before) return std::unexpected(before.error());

  const int made = tc.make_qdisc();
  if (made != 0 && made != -EEXIST)
    return failure("cannot make the clsact qdisc", made, where(device),
                   made == -EPERM ? "run as root" : "is there another qdisc of kind ingress?");
  const bool is_ours = made == 0 || (*before && made_qdisc(**before));
  auto skeleton = load(device, rules, is_ours);
  int error = 0;
  if (skeleton) error = tc.put(bpf_program__fd((*skeleton)->progs.sluice_decap));
  if ((!skeleton || error != 0) && made == 0) (void)tc.remove_qdisc();
  if (!skeleton) return std::unexpected(skeleton.error());
  if (error != 0)
    return failure("cannot attach the tc filter", error, where(device),
                   "run as root; is there another filter at our priority?");
  return {};
}

std::expected<void, Error> detach_decap(const std::string& device) {
  let_libbpf_warn(false);
  const auto index = index_of(device);
  if (!index) return std::unexpected(index.error());
  const TrafficControl tc(*index);
  const auto attached = find(device, tc);
  if (!attached) return std::unexpected(attached.error());
  if (!*attached) return std::unexpected(Error{"not attached", where(device), ""});
  const bool is_ours = made_qdisc(**attached);
  if (const int error = tc.remove(); error != 0)
    return failure("cannot remove the tc filter", error, where(device), "run as root");
  if (!is_ours || !tc.is_qdisc_empty()) return {};
  if (const int error = tc.remove_qdisc(); error != 0)
    return failure("cannot remove the clsact qdisc", error, where(device),
                   "tc qdisc del dev " + device + " clsact");
  return {};
}

std::expected<std::optional<DecapStatus>, Error> decap_status(const std::string& device) {
  let_libbpf_warn(false);
  const auto index = index_of(device);
  if (!index) return std::unexpected(index.error());
  const auto attached = find(device, TrafficControl(*index));
  if (!attached) return std::unexpected(attached.error());
  if (!*attached) return std::nullopt;
  const Attached& maps = **attached;
  DecapStatus out{.device = device, .program_id = maps.program_id, .rules = {}, .counters = {}};
  for (const auto& key : keys_in<decap_vip_key>(maps.vips.get()))
    out.rules.vips.push_back(address_in(static_cast<const std::uint8_t*>(key.address)));
  for (const auto& key : keys_in<decap_source_key>(maps.sources.get()))
    out.rules.sources.push_back(prefix_of(key));
  out.rules.gue_port = Port::from_be(Be16::from_raw(settings_of(maps).gue_port));
  std::ranges::sort(out.rules.vips);
  std::ranges::sort(out.rules.sources);
  for (std::uint32_t i = 0; i < counter_names.size(); ++i)
    out.counters.push_back({counter_names[i], sum_over_cpus(maps.counters.get(), i)});
  return out;
}

std::vector<std::string> network_devices() {
  std::vector<std::string> out;
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> all(::if_nameindex(),
                                                                              &if_freenameindex);
  for (const auto* each = all.get(); each != nullptr && each->if_index != 0; ++each)
    out.emplace_back(each->if_name);
  std::ranges::sort(out);
  return out;
}

}  // namespace sluice::bpf
