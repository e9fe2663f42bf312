#include "control/admin/routes.h"

namespace sluice::control {
namespace {

Json verdicts_of(const CountersView& counters) {
  Json out = Json::array();
  for (std::size_t i = 1; i < verdict_count; ++i) {  // 0 is "not decided", which no packet stays
    const auto verdict = static_cast<Verdict>(i);
    out.push_back({{"name", to_string(verdict)},
                   {"count", counters.verdict(verdict)},
                   {"description", describe(verdict)}});
  }
  return out;
}

Json listeners_of(const ApiContext& context) {
  const Snapshot& snapshot = context.state.snapshot();
  Json out = Json::array();
  for (const Listener& listener : snapshot.listeners) {
    if (!listener.in_use) continue;
    const TrafficCounter counter = context.data_plane.listener(listener);
    out.push_back({{"service", snapshot.services[listener.service].name},
                   {"vip", listener.listening().vips.text()},
                   {"port", field_to_json(listener.listening().ports)},
                   {"protocol", spell(listener.protocol)},
                   {"packets", counter.packets},
                   {"bytes", counter.bytes}});
  }
  return out;
}

Json backends_of(const ApiContext& context) {
  Json out = Json::array();
  for (const Backend& backend : context.state.snapshot().backends) {
    if (!backend.in_use) continue;
    const BackendCounter counter = context.data_plane.backend({backend.service_name, backend.name});
    out.push_back({{"service", backend.service_name},
                   {"backend", backend.name},
                   {"packets", counter.packets},
                   {"bytes", counter.bytes},
                   {"flows_begun", counter.flows},
                   {"flows_active", counter.active}});
  }
  return out;
}

Json workers_of(const CountersView& counters) {
  Json out = Json::array();
  for (std::uint32_t i = 0; i < counters.workers(); ++i) {
    const WorkerCounters& worker = counters.worker(i);
    Json verdicts = Json::object();
    std::uint64_t packets = 0;
    for (std::size_t verdict = 0; verdict < verdict_count; ++verdict) {
      const std::uint64_t count = worker.verdicts[verdict];
      packets += count;
      if (count != 0) verdicts[std::string(to_string(static_cast<Verdict>(verdict)))] = count;
    }
    out.push_back({{"worker", i},
                   {"packets", packets},
                   {"polls", worker.polls},
                   {"bursts", worker.bursts},
                   {"busy_ns", worker.busy_ns},
                   {"verdicts", verdicts}});
  }
  return out;
}

struct FlowCounter {
  std::string_view name;
  std::uint64_t WorkerCounters::* member;
  std::string_view description;
};
constexpr FlowCounter flow_counters[] = {
    {"flows_inserted", &WorkerCounters::flows_inserted, "flows that were begun and remembered"},
    {"flows_expired", &WorkerCounters::flows_expired, "flows that ended or were idle too long"},
    {"flows_evicted", &WorkerCounters::flows_evicted, "half-open flows that gave way to new ones"},
    {"flow_table_full", &WorkerCounters::flow_table_full,
     "flows forwarded without being remembered; raise flows_max"},
    {"flows_repicked", &WorkerCounters::flows_repicked,
     "flows moved because their backend was down or gone"},
    {"affinity_full", &WorkerCounters::affinity_full,
     "clients whose backend was not remembered, for want of room; raise flows_max"},
    {"fragments_evicted", &WorkerCounters::fragments_evicted,
     "first fragments that were forgotten early, for want of room"},
    {"quic_by_connection_id", &WorkerCounters::quic_by_connection_id,
     "packets of services with quic_lb, sent to the server that their connection ID names"},
    {"quic_by_flow", &WorkerCounters::quic_by_flow,
     "packets of services with quic_lb whose connection ID names no server: sent by flow"},
    {"quic_flows_moved", &WorkerCounters::quic_flows_moved,
     "flows whose connection ID began to name another server"},
    {"sources_evicted", &WorkerCounters::sources_evicted,
     "clients of services with limits that were forgotten for newer ones"},
    {"sources_untracked", &WorkerCounters::sources_untracked,
     "packets that no limit per source was applied to, for want of room"},
};

Json flow_table_of(const CountersView& counters) {
  Json out = Json::array();
  for (const FlowCounter& counter : flow_counters) {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < counters.workers(); ++i)
      sum += counters.worker(i).*counter.member;
    out.push_back({{"name", counter.name}, {"count", sum}, {"description", counter.description}});
  }
  return out;
}

}  // namespace

Response get_counters(const Request&, const ApiContext& context) {
  const CountersView* counters = context.data_plane.counters();
  if (counters == nullptr)
    return error_response(503, context.data_plane.problem().value_or(Error{}));
  return json_response(Json{{"pid", counters->pid()},
                            {"live", is_live(context)},
                            {"verdicts", verdicts_of(*counters)},
                            {"flow_table", flow_table_of(*counters)},
                            {"listeners", listeners_of(context)},
                            {"backends", backends_of(context)},
                            {"workers", workers_of(*counters)}});
}

}  // namespace sluice::control
