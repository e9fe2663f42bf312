#include "tools/replay/report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/sluicectl/table.h"

namespace sluice::replay {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(std::string_view text) { return text.empty() ? Json(nullptr) : Json(text); }

Json port_json(const PortRange& ports) {
  return ports.is_one() ? Json(ports.first.value()) : Json(ports.text());
}

// Calls `visit` with each verdict that packets had, and how many.
template <typename Visit>
void for_each_verdict(const WorkerCounters& counters, Visit&& visit) {
  for (std::size_t i = 0; i < verdict_count; ++i)
    if (counters.verdicts[i] != 0) visit(static_cast<Verdict>(i), counters.verdicts[i]);
}

template <typename Visit>
void for_each_listener(const Replay& replay, Visit&& visit) {
  const Snapshot& snapshot = replay.snapshot();
  for (std::size_t i = 0; i < snapshot.listeners.size(); ++i)
    if (snapshot.listeners[i].in_use)
      visit(snapshot.services[snapshot.listeners[i].service], snapshot.listeners[i],
            replay.counters().listeners[i]);
}

template <typename Visit>
void for_each_backend(const Replay& replay, Visit&& visit) {
  const Snapshot& snapshot = replay.snapshot();
  for (std::size_t i = 0; i < snapshot.backends.size(); ++i)
    if (snapshot.backends[i].in_use) visit(snapshot.backends[i], replay.counters().backends[i]);
}

std::string state_text(const Backend& backend) {
  return std::string(spell(backend.health)) + (backend.drained ? ", drained" : "");
}

std::string heading(const Totals& totals, const WorkerCounters& counters) {
  std::string out = fmt::format(
      "packets  {} in {:.3f} s, {} sent\nflows    {} begun, {} of known flows, {} moved, {} "
      "expired\n",
      ctl::grouped(totals.packets), static_cast<double>(totals.duration_ns) / 1e9,
      ctl::grouped(totals.sent), ctl::grouped(counters.flows_inserted),
      ctl::counted(totals.known_flows, "packet"),
      ctl::grouped(counters.flows_repicked + counters.quic_flows_moved),
      ctl::grouped(counters.flows_expired));
  if (totals.cut != 0)
    out += fmt::format("cut      {} by the capture's snapshot length: capture with -s 0\n",
                       ctl::counted(totals.cut, "packet"));
  if (totals.too_long != 0)
    out +=
        fmt::format("left out {} of more than {} bytes: switch GRO off to capture\n",
                    ctl::counted(totals.too_long, "packet"), ctl::grouped(Replay::frame_bytes_max));
  return out;
}

std::string listeners_text(const Replay& replay) {
  ctl::Table table({{"SERVICE"}, {"LISTENER"}, {"PACKETS", true}, {"BYTES", true}});
  for_each_listener(
      replay, [&](const Service& service, const Listener& listener, const TrafficCounter& count) {
        table.add(
            {{service.name},
             {std::string(to_string(listener.protocol)) + " " + listener.listening().place_text()},
             {ctl::grouped(count.packets)},
             {ctl::human_bytes(count.bytes)}});
      });
  return table.empty() ? "" : "\n" + table.text(false);
}

std::string backends_text(const Replay& replay) {
  ctl::Table table({{"SERVICE/BACKEND"},
                    {"ADDRESS"},
                    {"STATE"},
                    {"FLOWS", true},
                    {"PACKETS", true},
                    {"BYTES", true}});
  for_each_backend(replay, [&](const Backend& backend, const BackendCounter& count) {
    table.add({{backend.service_name + "/" + backend.name},
               {backend.address.text()},
               {state_text(backend)},
               {ctl::grouped(count.flows)},
               {ctl::grouped(count.packets)},
               {ctl::human_bytes(count.bytes)}});
  });
  return table.empty() ? "" : "\n" + table.text(false);
}

}  // namespace

std::string record_json(std::uint64_t number, const Frame& frame, const Fate& fate,
                        bool with_steps) {
  Json out{{"packet", number},
           {"time_ns", frame.time_ns},
           {"verdict", to_string(fate.verdict)},
           {"service", or_null(fate.service)},
           {"backend", or_null(fate.backend)},
           {"flow", or_null(to_string(fate.lookup))},
           {"in_bytes", frame.bytes.size()},
           {"out_bytes", fate.sent.size()}};
  if (with_steps) out["steps"] = fate.steps;
  return out.dump();
}

std::string record_text(std::uint64_t number, const Frame& frame, const Fate& fate,
                        bool with_steps) {
  std::string out = fmt::format("packet {}: {}", number, to_string(fate.verdict));
  if (!fate.service.empty())
    out += fmt::format(" {}/{}", fate.service, fate.backend.empty() ? "-" : fate.backend);
  if (fate.lookup != FlowLookup::none) out += fmt::format(", {}", describe(fate.lookup));
  out += fmt::format(", {} bytes in, {} out\n", frame.bytes.size(), fate.sent.size());
  for (std::size_t i = 0; with_steps && i < fate.steps.size(); ++i)
    out += fmt::format("  {}. {}\n", i + 1, fate.steps[i]);
  return out;
}

std::string summary_json(const Totals& totals, const Replay& replay) {
  const WorkerCounters& counters = replay.counters();
  Json verdicts = Json::array();
  for_each_verdict(counters, [&](Verdict verdict, std::uint64_t count) {
    verdicts.push_back(
        {{"name", to_string(verdict)}, {"count", count}, {"description", describe(verdict)}});
  });
  Json listeners = Json::array();
  for_each_listener(
      replay, [&](const Service& service, const Listener& listener, const TrafficCounter& count) {
        listeners.push_back({{"service", service.name},
                             {"vip", listener.listening().vips.text()},
                             {"port", port_json(listener.listening().ports)},
                             {"protocol", to_string(listener.protocol)},
                             {"packets", count.packets},
                             {"bytes", count.bytes}});
      });
  Json backends = Json::array();
  for_each_backend(replay, [&](const Backend& backend, const BackendCounter& count) {
    backends.push_back({{"service", backend.service_name},
                        {"name", backend.name},
                        {"address", backend.address.text()},
                        {"state", spell(backend.health)},
                        {"drained", backend.drained},
                        {"flows", count.flows},
                        {"packets", count.packets},
                        {"bytes", count.bytes}});
  });
  const Json out{{"packets", totals.packets},
                 {"sent", totals.sent},
                 {"cut", totals.cut},
                 {"too_long", totals.too_long},
                 {"duration_ns", totals.duration_ns},
                 {"error", or_null(totals.error)},
                 {"verdicts", verdicts},
                 {"flow_table",
                  {{"begun", counters.flows_inserted},
                   {"known", totals.known_flows},
                   {"moved", counters.flows_repicked + counters.quic_flows_moved},
                   {"expired", counters.flows_expired},
                   {"evicted", counters.flows_evicted},
                   {"full", counters.flow_table_full}}},
                 {"listeners", listeners},
                 {"backends", backends}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string summary_text(const Totals& totals, const Replay& replay) {
  const WorkerCounters& counters = replay.counters();
  std::string out = heading(totals, counters);
  ctl::Table verdicts({{"VERDICT"}, {"PACKETS", true}, {"MEANING"}});
  for_each_verdict(counters, [&](Verdict verdict, std::uint64_t count) {
    verdicts.add({{std::string(to_string(verdict))},
                  {ctl::grouped(count)},
                  {std::string(describe(verdict))}});
  });
  if (!verdicts.empty()) out += "\n" + verdicts.text(false);
  return out + listeners_text(replay) + backends_text(replay);
}

}  // namespace sluice::replay
