#include "tests/sim/world.h"

#include <algorithm>
#include <stdexcept>

#include "tests/core/frames.h"

namespace sluice::sim {
namespace {

constexpr std::size_t services_max = 6;
constexpr std::size_t backends_max_here = 10;

// What a service may be: the modes, by turns, over both families and protocols.
struct Kind {
  Forward forward;
  Family vip;
  Family backend;
  Protocol protocol;
};
constexpr Kind kinds[] = {
    {Forward::ipip, Family::ipv4, Family::ipv4, Protocol::tcp},
    {Forward::nat, Family::ipv4, Family::ipv4, Protocol::tcp},
    {Forward::gue, Family::ipv6, Family::ipv4, Protocol::udp},
    {Forward::l2dsr, Family::ipv6, Family::ipv6, Protocol::tcp},
    {Forward::nat, Family::ipv6, Family::ipv6, Protocol::udp},
    {Forward::gre, Family::ipv4, Family::ipv6, Protocol::tcp},
    {Forward::ipip, Family::ipv6, Family::ipv6, Protocol::udp},
    {Forward::nat, Family::ipv6, Family::ipv6, Protocol::tcp},
    {Forward::nat, Family::ipv4, Family::ipv4, Protocol::udp},
    {Forward::nat, Family::ipv6, Family::ipv4, Protocol::tcp},
    {Forward::l3dsr, Family::ipv6, Family::ipv6, Protocol::tcp},
    {Forward::l3dsr, Family::ipv4, Family::ipv4, Protocol::udp},
};

Address numbered(Family family, const char* v4, const char* v6, unsigned number) {
  if (family == Family::ipv4)
    return test::ip(v4 + std::to_string(number / 250) + '.' + std::to_string(number % 250 + 1));
  return test::ip(v6 + std::to_string(number / 250) + ':' + std::to_string(number % 250 + 1));
}

Health::Entry* entry_of(Health& health, const std::string& service, const std::string& backend) {
  const auto it = std::ranges::find_if(health.entries, [&](const Health::Entry& entry) {
    return entry.service == service && entry.backend == backend;
  });
  return it == health.entries.end() ? nullptr : &*it;
}

Paths paths_for(const Config& config) {
  Paths out;
  for (const ServiceConfig& service : config.services)
    for (const BackendConfig& backend : service.backends) {
      Path path;
      path.destination = path.next_hop = backend.address;
      path.port = config.ports.front().name;
      path.source_mac = test::mac("02:00:00:00:00:02");
      path.next_hop_mac = mac_of(backend.address);
      path.source =
          test::ip(backend.address.is_ipv4() ? "10.255.255.254" : "2001:db8:1::ffff:fffe");
      out.entries.push_back(path);
    }
  return out;
}

Snapshot compiled(const Config& config, const Health& health, const Snapshot* previous) {
  auto snapshot = compile(config, health, paths_for(config), previous);
  if (!snapshot)
    throw std::logic_error(snapshot.error().front().path + ": " + snapshot.error().front().what);
  return std::move(*snapshot);
}

}  // namespace

std::size_t below(Random& random, std::size_t count) { return random() % count; }

MacAddress mac_of(const Address& backend) {
  const auto& bytes = backend.bytes();
  // A 4 or a 6 for the family: the last bytes alone would not tell them apart.
  return {{0x02, static_cast<std::uint8_t>(backend.family()), bytes[12], bytes[13], bytes[14],
           bytes[15]}};
}

const ServiceConfig* View::service(std::string_view name) const {
  const auto it = std::ranges::find(config.services, name, &ServiceConfig::name);
  return it == config.services.end() ? nullptr : &*it;
}

TargetState View::state(const ServiceConfig& service, const BackendConfig& backend) const {
  if (service.health.type == ProbeType::none) return TargetState::up;
  for (const Health::Entry& entry : health.entries)
    if (entry.service == service.name && entry.backend == backend.name) return entry.state;
  return TargetState::unknown;
}

std::vector<std::string> View::takers(const ServiceConfig& service, TargetState wanted) const {
  std::vector<std::string> out;
  for (const BackendConfig& backend : service.backends)
    if (!backend.drain && backend.weight > 0 && state(service, backend) == wanted)
      out.push_back(backend.name);
  return out;
}

std::vector<std::string> View::take_new(const ServiceConfig& service) const {
  for (const TargetState state : {TargetState::up, TargetState::unknown, TargetState::down})
    if (auto names = takers(service, state); !names.empty()) return names;
  return {};
}

bool View::keeps(const ServiceConfig& service, const BackendConfig& backend) const {
  if (state(service, backend) != TargetState::down) return true;
  const bool anyone_better =
      !takers(service, TargetState::up).empty() || !takers(service, TargetState::unknown).empty();
  return !anyone_better && !takers(service, TargetState::down).empty();
}

World::World(Random& random) : random_(random) {
  PortConfig port;
  port.name = "wan0";
  port.driver = Driver::vdev;
  port.device = "net_null0";
  config_.ports = {port};
  for (std::size_t i = 0; i < services_max / 2; ++i) (void)add_service();
}

std::string World::change() {
  std::string out;
  for (std::size_t i = 0; i <= below(random_, 4); ++i) {
    if (i > 0) out += ", ";
    out += change_once();
  }
  return out;
}

std::string World::change_once() {
  const std::size_t draw = below(random_, 100);
  if (draw < 2 && config_.services.size() < services_max) return add_service();
  if (draw < 4 && config_.services.size() > 1) return remove_service();
  ServiceConfig& service = config_.services[below(random_, config_.services.size())];
  if (draw < 14) return add_backend(service);
  if (draw < 22) return remove_backend(service);
  if (draw < 60) return change_backend(service);
  return flip_health(service);
}

std::string World::change_backend(ServiceConfig& service) {
  BackendConfig& backend = service.backends[below(random_, service.backends.size())];
  if (below(random_, 2) == 0) {
    backend.drain = !backend.drain;
    return (backend.drain ? "drain " : "undrain ") + backend.name;
  }
  backend.weight = static_cast<std::uint16_t>(below(random_, 4));
  return "weight " + backend.name + " " + std::to_string(backend.weight);
}

// Half the time it comes up: else all would soon be down.
std::string World::flip_health(const ServiceConfig& service) {
  const BackendConfig& backend = service.backends[below(random_, service.backends.size())];
  const TargetState state = below(random_, 2) == 0   ? TargetState::up
                            : below(random_, 8) == 0 ? TargetState::unknown
                                                     : TargetState::down;
  const auto tenths = static_cast<std::uint8_t>(below(random_, ramp_tenths_full) + 1);
  if (Health::Entry* entry = entry_of(health_, service.name, backend.name)) {
    entry->state = state;
    entry->ramp_tenths = tenths;
  } else {
    health_.entries.push_back({service.name, backend.name, state, tenths});
  }
  return std::string(spell(state)) + " " + backend.name + ", " + std::to_string(tenths) + " tenths";
}

std::string World::add_service() {
  const unsigned number = services_made_++;
  const Kind& kind = kinds[number % std::size(kinds)];
  ServiceConfig service;
  service.name = "s" + std::to_string(number);
  service.vips = {numbered(kind.vip, "203.0.", "2001:db8:f::", number % 50'000)};
  service.ports = {Port(80)};
  if (below(random_, 3) == 0) service.ports.emplace_back(Port(443));
  service.protocol = kind.protocol;
  service.forward = kind.forward;
  service.slots = 251;
  if (kind.forward == Forward::nat)
    service.source_pool = {numbered(kind.backend, "10.99.", "2001:db8:9::", number % 400)};
  if (kind.forward == Forward::l3dsr)
    service.l3dsr_dscp = static_cast<std::uint8_t>(number % 63 + 1);
  if (kind.protocol == Protocol::tcp && below(random_, 2) == 0) service.on_death = OnDeath::reset;
  if (below(random_, 4) != 0) service.health.type = ProbeType::tcp;
  for (std::size_t i = 0; i <= below(random_, 5); ++i)
    service.backends.push_back(new_backend(service));
  config_.services.push_back(std::move(service));
  return "add service s" + std::to_string(number);
}

std::string World::remove_service() {
  const std::size_t index = below(random_, config_.services.size());
  const std::string name = config_.services[index].name;
  config_.services.erase(config_.services.begin() + static_cast<long>(index));
  std::erase_if(health_.entries, [&](const Health::Entry& entry) { return entry.service == name; });
  return "remove service " + name;
}

BackendConfig World::new_backend(const ServiceConfig& service) {
  const auto kind = std::ranges::find_if(kinds, [&](const Kind& candidate) {
    return candidate.forward == service.forward && candidate.protocol == service.protocol &&
           candidate.vip == service.vips.front().prefix.address.family();
  });
  // The pool tells NAT64 from the rest of nat.
  const Family family =
      service.source_pool.empty() ? kind->backend : service.source_pool.front().family();
  const unsigned number = backends_made_++;
  BackendConfig backend;
  backend.name = "b" + std::to_string(number);
  backend.address = numbered(family, "10.1.", "2001:db8:1::", number % 60'000);
  backend.weight = static_cast<std::uint16_t>(below(random_, 3) + 1);
  return backend;
}

std::string World::add_backend(ServiceConfig& service) {
  if (service.backends.size() >= backends_max_here) return remove_backend(service);
  BackendConfig backend = new_backend(service);
  const std::string name = backend.name;
  const std::size_t place = below(random_, service.backends.size() + 1);
  service.backends.insert(service.backends.begin() + static_cast<long>(place), std::move(backend));
  return "add " + name;
}

std::string World::remove_backend(ServiceConfig& service) {
  if (service.backends.size() < 2) return add_backend(service);
  const std::size_t index = below(random_, service.backends.size());
  const std::string name = service.backends[index].name;
  service.backends.erase(service.backends.begin() + static_cast<long>(index));
  std::erase_if(health_.entries, [&](const Health::Entry& entry) {
    return entry.service == service.name && entry.backend == name;
  });
  return "remove " + name;
}

Snapshot from_scratch(const View& view) { return compiled(view.config, view.health, nullptr); }

std::shared_ptr<const View> World::publish() {
  Snapshot snapshot = compiled(config_, health_, last_ ? &last_->snapshot : nullptr);
  last_ = std::make_shared<const View>(View{config_, health_, std::move(snapshot)});
  return last_;
}

}  // namespace sluice::sim
