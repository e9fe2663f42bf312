#include <algorithm>

#include "control/admin/routes.h"
#include "control/table_use.h"

namespace sluice::control {
namespace {

Json config_status(const State& state) {
  return {{"path", state.options().config_path},
          {"generation", state.config_generation()},
          {"warning", state.warning()},
          {"storage_warning", state.storage_warning()}};
}

Json data_plane_status(const ApiContext& context) {
  const std::optional<Report>& report = context.state.report();
  Json out = {{"connected", report.has_value()}};
  if (report) out.update(to_json(*report));
  out["counters"] = context.data_plane.counters() != nullptr;
  const std::optional<Error>& problem = context.data_plane.problem();
  out["counters_problem"] = problem ? problem->text() : "";
  return out;
}

Json tables_of(const ApiContext& context) {
  Json out = Json::array();
  if (context.data_plane.counters() == nullptr) return out;
  for (const TableUse& use : table_use(*context.data_plane.counters()))
    out.push_back({{"name", use.name},
                   {"what", use.what},
                   {"worker", use.worker},
                   {"used", use.used},
                   {"used_max", use.used_max},
                   {"size", use.size},
                   {"percent", use.percent()},
                   {"alarm", use.is_alarm()},
                   {"remedy", use.remedy}});
  return out;
}

struct BackendCounts {
  std::size_t all = 0, up = 0, down = 0, unknown = 0, drained = 0, without_path = 0;

  void add(const Backend& backend) {
    ++all;
    if (backend.health == TargetState::up) ++up;
    if (backend.health == TargetState::down) ++down;
    if (backend.health == TargetState::unknown) ++unknown;
    if (backend.drained) ++drained;
    if (!backend.path) ++without_path;
  }
  [[nodiscard]] Json to_json() const {
    return {{"all", all},         {"up", up},           {"down", down},
            {"unknown", unknown}, {"drained", drained}, {"without_path", without_path}};
  }
};

BackendCounts count_backends(const Snapshot& snapshot, const Service& service) {
  BackendCounts out;
  for (const BackendId id : service.backends) out.add(snapshot.backend(id));
  return out;
}

Json counts_of(const State& state) {
  const Snapshot& snapshot = state.snapshot();
  BackendCounts backends;
  for (const Service& service : snapshot.services)
    for (const BackendId id : service.backends) backends.add(snapshot.backend(id));
  return {{"ports", snapshot.config().ports.size()},
          {"services", snapshot.services.size()},
          {"listeners", std::ranges::count(snapshot.listeners, true, &Listener::in_use)},
          {"backends", backends.to_json()},
          {"overrides", state.overrides().size()}};
}

Json listeners_of(const ApiContext& context, std::uint32_t service, TrafficCounter& sum) {
  Json out = Json::array();
  for (const Listener& listener : context.state.snapshot().listeners) {
    if (!listener.in_use || listener.service != service) continue;
    const TrafficCounter counter = context.data_plane.listener(listener);
    sum.packets += counter.packets;
    sum.bytes += counter.bytes;
    sum.refused += counter.refused;
    out.push_back({{"vip", listener.listening().vips.text()},
                   {"port", field_to_json(listener.listening().ports)},
                   {"protocol", spell(listener.protocol)},
                   {"packets", counter.packets},
                   {"bytes", counter.bytes},
                   {"refused", counter.refused}});
  }
  return out;
}

}  // namespace

std::string why_out_of_sync(const State& state) {
  const std::optional<Report>& report = state.report();
  if (!report) return "sluice-dataplane is not connected";
  if (report->rejected_generation != 0 && report->rejected_generation == state.config_generation())
    return "sluice-dataplane refused this configuration: " + report->error;
  if (!report->forwarding)
    return "sluice-dataplane does not forward" +
           (report->error.empty() ? "" : ": " + report->error);
  const auto lags = [](const char* what, std::uint64_t ours, std::uint64_t applied) {
    return std::string("sluice-dataplane has ") + what + " generation " + std::to_string(applied) +
           ", here it is " + std::to_string(ours);
  };
  if (report->config_generation != state.config_generation())
    return lags("configuration", state.config_generation(), report->config_generation);
  if (report->health_generation != state.health_generation())
    return lags("health", state.health_generation(), report->health_generation);
  if (report->paths_generation != state.paths_generation())
    return lags("paths", state.paths_generation(), report->paths_generation);
  return "";
}

bool is_live(const ApiContext& context) {
  const std::optional<Report>& report = context.state.report();
  const CountersView* counters = context.data_plane.counters();
  return report && counters != nullptr && report->pid == counters->pid();
}

Response get_status(const Request&, const ApiContext& context) {
  const State& state = context.state;
  const std::string why = why_out_of_sync(state);
  Json out = {{"version", SLUICE_VERSION},
              {"uptime_seconds", context.uptime.count()},
              {"in_sync", why.empty()},
              {"out_of_sync", why}};
  out["config"] = config_status(state);
  out["generations"] = {{"config", state.config_generation()},
                        {"health", state.health_generation()},
                        {"paths", state.paths_generation()}};
  out["data_plane"] = data_plane_status(context);
  out["capturing"] = context.captures != nullptr && context.captures->is_busy();
  out["counts"] = counts_of(state);
  out["tables"] = tables_of(context);
  return json_response(out);
}

Response get_services(const Request&, const ApiContext& context) {
  const Snapshot& snapshot = context.state.snapshot();
  Json list = Json::array();
  for (std::uint32_t i = 0; i < snapshot.services.size(); ++i) {
    const Service& service = snapshot.services[i];
    const ServiceConfig& config = snapshot.config().services[i];  // compile keeps the order
    TrafficCounter sum;
    const Json listeners = listeners_of(context, i, sum);
    list.push_back({{"name", service.name},
                    {"vip", field_to_json(config.vips)},
                    {"port", field_to_json(config.ports)},
                    {"protocol", spell(service.protocol)},
                    {"forward", spell(service.forward)},
                    {"proxy_protocol", spell(service.proxy_protocol)},
                    {"syn_cookies", spell(service.syn_cookies)},
                    {"balance", spell(config.balance)},
                    {"slots", service.slots->size()},
                    {"idle_timeout_seconds", service.idle_timeout_seconds},
                    {"health_check", spell(config.health.type)},
                    {"panic", service.panic},
                    {"backends", count_backends(snapshot, service).to_json()},
                    {"packets", sum.packets},
                    {"bytes", sum.bytes},
                    {"refused", sum.refused},
                    {"listeners", listeners}});
  }
  return json_response(Json{{"services", list}});
}

}  // namespace sluice::control
