#include "tools/replay/surroundings.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "control/config/file.h"
#include "control/config/paths_file.h"

namespace sluice::replay {
namespace {

using Json = nlohmann::json;

std::unexpected<Complaints> complaint(std::string what, std::string where, std::string remedy) {
  return std::unexpected(
      Complaints{Error{std::move(what), std::move(where), std::move(remedy)}.text()});
}

Complaints texts(const std::vector<control::FileError>& errors) {
  Complaints out;
  for (const auto& error : errors) out.push_back(error.text());
  return out;
}

// A field of the JSON; what is missing or of another type throws.
template <typename T>
void take(const Json& from, const char* key, T& out) {
  if constexpr (std::is_same_v<T, Address> || std::is_same_v<T, MacAddress>) {
    const auto value = T::parse(from.at(key).get_ref<const std::string&>());
    if (!value) throw std::invalid_argument(std::string(key) + " is no address");
    out = *value;
  } else if constexpr (std::is_same_v<T, std::uint16_t>) {
    const auto value = from.at(key).get<std::int64_t>();
    if (value < 0 || value > 65'535) throw std::invalid_argument(std::string(key) + " is too big");
    out = static_cast<T>(value);
  } else {
    out = from.at(key).get<T>();
  }
}

Path path_of(const Json& json) {
  Path out;
  Path::fields(out, [&](std::string_view name, auto& field) {
    take(json, std::string(name).c_str(), field);
  });
  return out;
}

Health::Entry state_of(const Json& json) {
  Health::Entry out;
  take(json, "service", out.service);
  take(json, "name", out.backend);
  const auto state = parse_spelling<TargetState>(json.at("state").get_ref<const std::string&>());
  if (!state) throw std::invalid_argument("state is none of unknown, up, down");
  out.state = *state;
  return out;
}

// Visits the backends of what `sluicectl --json backends` prints.
template <typename Visit>
std::expected<void, Complaints> for_each_backend(const std::string& text, const std::string& file,
                                                 Visit&& visit) {
  const Json json = Json::parse(text, nullptr, false);
  std::string where = file;
  try {
    const auto& list = json.at("backends").get_ref<const Json::array_t&>();
    for (std::size_t i = 0; i < list.size(); ++i) {
      where = file + ", backends[" + std::to_string(i) + "]";
      visit(list[i]);
    }
    return {};
  } catch (const std::exception& error) {  // the JSON's, or take's
    return complaint("this is not what `sluicectl --json backends` prints", where, error.what());
  }
}

std::expected<std::string, Complaints> text_of(const std::string& file) {
  auto text = control::read_file(file);
  if (!text) return std::unexpected(Complaints{text.error().text()});
  return std::move(*text);
}

MacAddress made_up_mac(const Address& address) {
  const auto& bytes = address.bytes();
  return {{0x02, 0x00, bytes[12], bytes[13], bytes[14], bytes[15]}};
}

std::pair<std::string, std::string> split(const std::string& name) {
  const std::size_t slash = name.find('/');
  return {name.substr(0, slash), slash == std::string::npos ? "" : name.substr(slash + 1)};
}

}  // namespace

std::expected<Config, Complaints> read_config(const std::string& file) {
  const auto text = text_of(file);
  if (!text) return std::unexpected(text.error());
  auto parsed = control::parse_config(*text, file);
  if (!parsed) return std::unexpected(texts(parsed.error()));
  return std::move(parsed->config);
}

Paths made_up_paths(const Config& config) {
  const Address source4 = Address::from_ipv4({{192, 0, 2, 1}});
  const Address source6 =
      Address::from_bytes({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  std::map<Address, Path> out;
  for (const ServiceConfig& service : config.services)
    for (const BackendConfig& backend : service.backends)
      out[backend.address] = {.destination = backend.address,
                              .port = config.ports.front().name,
                              .source_mac = {{0x02, 0, 0, 0, 0, 1}},
                              .next_hop_mac = made_up_mac(backend.address),
                              .source = backend.address.is_ipv4() ? source4 : source6,
                              .next_hop = backend.address};
  Paths paths;
  for (auto& [address, path] : out) paths.entries.push_back(std::move(path));
  return paths;
}

std::expected<Paths, Complaints> read_paths(const std::string& file) {
  const auto text = text_of(file);
  if (!text) return std::unexpected(text.error());
  // No TOML begins with a brace.
  const std::size_t begin = text->find_first_not_of(" \t\r\n");
  if (begin == std::string::npos || (*text)[begin] != '{') {
    auto paths = control::parse_paths(*text, file);
    if (!paths) return std::unexpected(texts(paths.error()));
    return std::move(*paths);
  }
  Paths out;
  const auto done = for_each_backend(*text, file, [&](const Json& backend) {
    if (const Json& path = backend.at("path"); !path.is_null())
      out.entries.push_back(path_of(path));
  });
  if (!done) return std::unexpected(done.error());
  return out;
}

std::expected<Health, Complaints> read_health(const Config& config, const std::string& file,
                                              const std::vector<std::string>& down) {
  std::map<std::pair<std::string, std::string>, TargetState> states;
  for (const ServiceConfig& service : config.services)
    for (const BackendConfig& backend : service.backends)
      states[{service.name, backend.name}] = TargetState::up;
  if (!file.empty()) {
    const auto text = text_of(file);
    if (!text) return std::unexpected(text.error());
    const auto done = for_each_backend(*text, file, [&](const Json& json) {
      Health::Entry entry = state_of(json);
      states[{std::move(entry.service), std::move(entry.backend)}] = entry.state;
    });
    if (!done) return std::unexpected(done.error());
  }
  for (const std::string& name : down)
    if (has_backend(config, name)) states[split(name)] = TargetState::down;
  Health out;
  for (const auto& [name, state] : states) out.entries.push_back({name.first, name.second, state});
  return out;
}

bool has_backend(const Config& config, const std::string& name) {
  const auto [service, backend] = split(name);
  const auto it = std::ranges::find(config.services, service, &ServiceConfig::name);
  return it != config.services.end() &&
         std::ranges::find(it->backends, backend, &BackendConfig::name) != it->backends.end();
}

Config with_checks(Config config) {
  for (ServiceConfig& service : config.services)
    if (service.health.type == ProbeType::none && service.forward != Forward::local) {
      service.health = HealthConfig{};
      service.health.type = ProbeType::tcp;
      // A range, "any" and SCTP have no port to probe by default, and nothing is probed here.
      service.health.port = Port(1);
    }
  return config;
}

}  // namespace sluice::replay
