#include <algorithm>

#include "control/admin/routes.h"
#include "control/health/checker.h"

namespace sluice::control {
namespace {

constexpr int weight_max = 1'000;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json override_to_json(const State& state, const BackendName& name) {
  const auto it = state.overrides().find(name);
  const Override none;
  const Override& found = it == state.overrides().end() ? none : it->second;
  return {{"drain", or_null(found.drain)}, {"weight", or_null(found.weight)}};
}

// What the configuration file says where the operator may have changed it.
Json configured_to_json(const State& state, const BackendName& name) {
  const auto& services = state.file_config().services;
  const auto service = std::ranges::find(services, name.service, &ServiceConfig::name);
  if (service == services.end()) return nullptr;
  const auto backend = std::ranges::find(service->backends, name.backend, &BackendConfig::name);
  if (backend == service->backends.end()) return nullptr;
  return {{"drain", backend->drain}, {"weight", backend->weight}};
}

Json probe_to_json(const ApiContext& context, const BackendName& name) {
  const ProbeRecord* probe =
      context.checker == nullptr ? nullptr : context.checker->last_probe(name);
  if (probe == nullptr) return nullptr;
  return {{"at", to_text(probe->at)},
          {"success", probe->success},
          {"latency_ms", static_cast<double>(probe->latency.count()) / 1'000},
          {"reason", probe->reason}};
}

// What the checker last decided, and when; nothing where nothing is checked.
Json note_to_json(const State& state, const BackendName& name) {
  const auto note = state.health_notes().find(name);
  if (note == state.health_notes().end()) return {{"reason", ""}, {"since", nullptr}};
  return {{"reason", note->second.reason}, {"since", to_text(note->second.since)}};
}

// How many slots each backend of a service owns, by BackendId. There may be millions of slots.
std::vector<std::uint32_t> slots_by_owner(const Service& service, std::size_t backends) {
  std::vector<std::uint32_t> out(backends);
  for (const std::uint32_t owner : service.slots->owners()) ++out[owner];
  return out;
}

Json service_backends(const ApiContext& context, const Service& service) {
  const auto slots = slots_by_owner(service, context.state.snapshot().backends.size());
  Json out = Json::array();
  for (const BackendId id : service.backends)
    out.push_back(backend_to_json(context, service, id, slots[static_cast<std::size_t>(id)]));
  return out;
}

const Service* find_service(const Snapshot& snapshot, std::string_view name) {
  const auto it = std::ranges::find(snapshot.services, name, &Service::name);
  return it == snapshot.services.end() ? nullptr : &*it;
}

Response no_such_service(const std::string& name) {
  return error_response(404, {"there is no service called \"" + name + "\"", "",
                              "see /v1/services or `sluicectl services` for the names"});
}

std::unexpected<Error> bad_body(const std::string& what) {
  return std::unexpected(Error{what, "body of the request",
                               "write {\"drain\": true, false or null, \"weight\": 0 to 1000 or "
                               "null}; null goes back to the configuration file"});
}

// The override there is, changed by what the body names: a value sets, null clears, what is not
// named stays.
std::expected<Override, Error> read_override(const std::string& body, Override out) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object() || json.empty())
    return bad_body("the body is not a JSON object with something to change");
  for (const auto& [key, value] : json.items()) {
    if (key == "drain") {
      if (!value.is_null() && !value.is_boolean())
        return bad_body("drain is neither true, false nor null");
      out.drain = value.is_null() ? std::nullopt : std::optional(value.get<bool>());
    } else if (key == "weight") {
      const bool is_weight = value.is_number_unsigned() && value.get<std::uint64_t>() <= weight_max;
      if (!value.is_null() && !is_weight) return bad_body("weight is neither 0 to 1000 nor null");
      out.weight = value.is_null() ? std::nullopt : std::optional(value.get<std::uint16_t>());
    } else {
      return bad_body("unknown key \"" + key + "\"");
    }
  }
  return out;
}

}  // namespace

Json backend_to_json(const ApiContext& context, const Service& service, BackendId id,
                     std::uint32_t slots) {
  const State& state = context.state;
  const Backend& backend = state.snapshot().backend(id);
  const BackendName name{backend.service_name, backend.name};
  const Json note = note_to_json(state, name);
  const BackendCounter counter = context.data_plane.backend(name);
  const double share = service.slots->empty() ? 0.0 : 100.0 * slots / service.slots->size();
  return {{"service", name.service},
          {"name", name.backend},
          {"address", backend.address.text()},
          {"port", backend.port.value()},
          {"state", spell(backend.health)},
          {"reason", note["reason"]},
          {"since", note["since"]},
          {"probe", probe_to_json(context, name)},
          {"weight", backend.weight},
          {"drained", backend.drained},
          {"override", override_to_json(state, name)},
          {"configured", configured_to_json(state, name)},
          {"keeps_flows", backend.keeps_flows},
          {"slots", slots},
          {"slots_percent", share},
          {"path", backend.path ? to_json(*backend.path) : Json(nullptr)},
          {"no_path_reason", backend.path ? "" : std::string(backend.no_path_reason)},
          {"packets", counter.packets},
          {"bytes", counter.bytes},
          {"flows_begun", counter.flows},
          {"flows_active", counter.active},
          {"max_connections", backend.max_connections},
          {"ramp_percent", backend.ramp_tenths * 10}};
}

Response get_backends(const Request& request, const ApiContext& context) {
  const Snapshot& snapshot = context.state.snapshot();
  const std::string* wanted = query_value(request, "service");
  if (wanted != nullptr && find_service(snapshot, *wanted) == nullptr)
    return no_such_service(*wanted);
  Json list = Json::array();
  for (const Service& service : snapshot.services) {
    if (wanted != nullptr && service.name != *wanted) continue;
    for (Json& backend : service_backends(context, service)) list.push_back(std::move(backend));
  }
  return json_response(Json{{"backends", list},
                            {"live", is_live(context)},
                            {"in_sync", why_out_of_sync(context.state).empty()}});
}

Response put_backend(const Request& request, const ApiContext& context) {
  const BackendName name{request.segments[2], request.segments[4]};
  State& state = context.state;
  if (find_service(state.snapshot(), name.service) == nullptr) return no_such_service(name.service);
  const auto names = backend_names(state.snapshot());
  if (std::ranges::find(names, name) == names.end())
    return error_response(
        404, {"service " + name.service + " has no backend called \"" + name.backend + "\"", "",
              "see `sluicectl backends " + name.service + "` for the names"});
  const auto now = state.overrides().find(name);
  const auto change =
      read_override(request.body, now == state.overrides().end() ? Override{} : now->second);
  if (!change) return error_response(400, change.error());
  const auto plan = state.set_override(name, *change);
  if (!plan) return error_response(422, plan.error());
  Json out = plan_to_json(*plan, names, context);
  for (Json& backend : service_backends(context, *find_service(state.snapshot(), name.service)))
    if (backend["name"] == name.backend) out["backend"] = std::move(backend);
  return json_response(out);
}

}  // namespace sluice::control
