#include <algorithm>

#include "control/admin/routes.h"

namespace sluice::control {
namespace {

Json changes_of(const Plan& plan) {
  Json out = Json::array();
  for (const Change& change : plan.changes)
    out.push_back({{"kind", spell(change.kind)},
                   {"subject", change.subject},
                   {"detail", change.detail},
                   {"needs_restart", change.needs_restart}});
  return out;
}

Json shifts_of(const Plan& plan) {
  Json out = Json::array();
  for (const SlotShift& shift : plan.shifts)
    out.push_back({{"service", shift.service},
                   {"slots_moved", shift.slots_moved},
                   {"slots", shift.slots},
                   {"percent", 100.0 * shift.slots_moved / std::max(shift.slots, 1U)}});
  return out;
}

// The flows that the data plane has now on these backends: the workers count them as they come and
// go, so nothing waits for a walk through their tables.
std::uint64_t count_flows(const DataplaneView& data_plane, const std::vector<BackendName>& on) {
  std::uint64_t count = 0;
  for (const BackendName& name : on) count += data_plane.backend(name).active;
  return count;
}

std::string file_of(const Request& request) {
  const std::string* file = query_value(request, "file");
  return file != nullptr && !file->empty() ? *file : "configuration";
}

Response refused(const std::vector<FileError>& errors) {
  const std::string count =
      errors.size() == 1 ? "one error" : std::to_string(errors.size()) + " errors";
  const std::string where = errors.empty() ? "" : errors.front().file;
  return json_response(
      Json{{"error", to_json(Error{"the configuration has " + count, where,
                                   "correct what \"errors\" lists; nothing was changed"})},
           {"errors", to_json(errors)}},
      422);
}

}  // namespace

std::vector<BackendName> backend_names(const Snapshot& snapshot) {
  std::vector<BackendName> out;
  for (const Backend& backend : snapshot.backends)
    out.push_back({backend.service_name, backend.name});
  return out;
}

Json plan_to_json(const Plan& plan, const std::vector<BackendName>& names,
                  const ApiContext& context) {
  std::vector<BackendName> evicted;
  Json list = Json::array();
  for (const BackendId id : plan.evicted) {
    evicted.push_back(names.at(static_cast<std::size_t>(id)));
    list.push_back({{"service", evicted.back().service}, {"backend", evicted.back().backend}});
  }
  return {{"changes", changes_of(plan)},
          {"shifts", shifts_of(plan)},
          {"evicted", list},
          {"flows_to_move", count_flows(context.data_plane, evicted)},
          {"needs_restart", plan.needs_restart()}};
}

Response get_config(const Request& request, const ApiContext& context) {
  const std::string* format = query_value(request, "format");
  if (format == nullptr || *format == "toml")
    return {.content_type = "application/toml", .body = context.state.config_text()};
  if (*format == "json") return json_response(to_json(context.state.config()));
  return error_response(400, {"unknown format \"" + *format + "\"", request.path,
                              "write format=json, or leave it out for the text as it was written"});
}

Response post_check(const Request& request, const ApiContext& context) {
  const auto plan = context.state.plan(request.body, file_of(request));
  if (!plan) return refused(plan.error());
  return json_response(Json{{"ok", true}, {"file", file_of(request)}});
}

Response post_plan(const Request& request, const ApiContext& context) {
  const auto plan = context.state.plan(request.body, file_of(request));
  if (!plan) return refused(plan.error());
  return json_response(plan_to_json(*plan, backend_names(context.state.snapshot()), context));
}

Response post_apply(const Request& request, const ApiContext& context) {
  const auto names = backend_names(context.state.snapshot());
  const auto plan = context.state.apply(request.body, file_of(request));
  if (!plan) return refused(plan.error());
  Json out = plan_to_json(*plan, names, context);
  out["applied"] = true;
  out["config_generation"] = context.state.config_generation();
  return json_response(out);
}

}  // namespace sluice::control
