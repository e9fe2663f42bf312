#include "tools/sluicectl/commands.h"

#include <string_view>

#include "tools/sluicectl/fields.h"
#include "tools/sluicectl/session.h"

namespace sluice::ctl {
namespace {

std::string backend_target(const BackendArgument& backend) {
  return "/v1/services/" + percent_encode(backend.service) + "/backends/" +
         percent_encode(backend.backend);
}

// What became of the backend, and how the shares shift.
std::string show_override(const Json& json, const ShowOptions& options) {
  const Json& backend = json.at("backend");
  const std::string name = text_of(backend, "service") + "/" + text_of(backend, "name");
  const bool drained = backend.at("drained").get<bool>();
  return name +
         (drained
              ? " is drained: it keeps its flows and takes no new ones"
              : " takes new flows with weight " + std::to_string(number_of(backend, "weight"))) +
         "\n" + show_plan(json, options);
}

bool is_drained_by_file(const Json& answer, const std::string& name) {
  if (!answer.contains("backends")) return false;
  for (const Json& backend : answer["backends"])
    if (backend.value("name", "") == name && backend.contains("configured") &&
        backend["configured"].is_object())
      return backend["configured"].value("drain", false);
  return false;
}

}  // namespace

int run_status(const Session& session) {
  return call_and_show(session, {.target = "/v1/status"}, show_status, is_healthy);
}

int run_services(const Session& session) {
  return call_and_show(session, {.target = "/v1/services"}, show_services);
}

int run_backends(const Session& session, const std::string& service) {
  std::string target = "/v1/backends";
  if (!service.empty()) target += "?service=" + percent_encode(service);
  return call_and_show(session, {.target = target}, show_backends);
}

int run_counters(const Session& session) {
  return call_and_show(session, {.target = "/v1/counters"}, show_counters);
}

int run_flows(const Session& session, const FlowsWanted& wanted) {
  std::string target = "/v1/flows?limit=" + std::to_string(wanted.limit);
  if (!wanted.service.empty()) target += "&service=" + percent_encode(wanted.service);
  if (!wanted.backend.empty()) target += "&backend=" + percent_encode(wanted.backend);
  return call_and_show(session, {.target = target}, show_flows);
}

int run_explain(const Session& session, const Journey& journey) {
  std::string target = "/v1/explain?protocol=" + percent_encode(journey.protocol) +
                       "&source=" + percent_encode(journey.source) +
                       "&destination=" + percent_encode(journey.destination);
  if (!journey.quic_cid.empty()) target += "&quic_cid=" + percent_encode(journey.quic_cid);
  return call_and_show(session, {.target = target}, show_explanation);
}

int drain_backend(const Session& session, const BackendArgument& backend, bool quiet) {
  const Call call{.method = "PUT", .target = backend_target(backend), .body = R"({"drain": true})"};
  if (!quiet) return call_and_show(session, call, show_override);
  const Session silent{.client = session.client, .json = false, .show = session.show};
  return call_and_show(silent, call, [](const Json&, const ShowOptions&) { return std::string(); });
}

// Back to what the configuration file says; against it where the file itself drains the backend.
int run_enable(const Session& session, const BackendArgument& backend) {
  const auto answer =
      session.client.call("GET", "/v1/backends?service=" + percent_encode(backend.service));
  if (!answer) {
    print_error(answer.error());
    return exit_unreachable;
  }
  const bool against_file = is_drained_by_file(parse_json(answer->body), backend.backend);
  const std::string_view body = against_file ? R"({"drain": false})" : R"({"drain": null})";
  return call_and_show(session, {.method = "PUT", .target = backend_target(backend), .body = body},
                       show_override);
}

int run_weight(const Session& session, const BackendArgument& backend, const std::string& weight) {
  const std::string body = R"({"weight": )" + (weight == "reset" ? "null" : weight) + "}";
  return call_and_show(session, {.method = "PUT", .target = backend_target(backend), .body = body},
                       show_override);
}

}  // namespace sluice::ctl
