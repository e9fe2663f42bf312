#include <fmt/format.h>

#include "tools/sluicectl/fields.h"
#include "tools/sluicectl/show.h"

namespace sluice::ctl {
namespace {

void add_named(Table& table, const Json& counters, bool all) {
  for (const Json& counter : counters) {
    const std::string name = text_of(counter, "name");
    const std::uint64_t count = number_of(counter, "count");
    if (count == 0 && !all) continue;
    const bool is_loss = count > 0 && name.starts_with("drop_");
    table.add({{name, is_loss ? Colour::yellow : Colour::plain},
               {grouped(count)},
               {text_of(counter, "description")}});
  }
}

std::string listeners_table(const Json& listeners, const ShowOptions& options) {
  Table table({{"SERVICE"}, {"LISTENER"}, {"PACKETS", true}, {"BYTES", true}});
  for (const Json& listener : listeners) {
    if (number_of(listener, "packets") == 0 && !options.all) continue;
    table.add({{text_of(listener, "service")},
               {listener_of(listener)},
               {grouped(number_of(listener, "packets"))},
               {human_bytes(number_of(listener, "bytes"))}});
  }
  return table.empty() ? "" : "\n" + table.text(options.colours);
}

std::string backends_table(const Json& backends, const ShowOptions& options) {
  Table table({{"SERVICE/BACKEND"}, {"FLOWS", true}, {"PACKETS", true}, {"BYTES", true}});
  for (const Json& backend : backends) {
    if (number_of(backend, "packets") == 0 && !options.all) continue;
    table.add({{text_of(backend, "service") + "/" + text_of(backend, "backend")},
               {grouped(number_of(backend, "flows_begun"))},
               {grouped(number_of(backend, "packets"))},
               {human_bytes(number_of(backend, "bytes"))}});
  }
  return table.empty() ? "" : "\n" + table.text(options.colours);
}

std::string workers_table(const Json& workers, const ShowOptions& options) {
  Table table({{"WORKER", true}, {"POLLS", true}, {"BURSTS", true}});
  for (const Json& worker : workers)
    table.add({{grouped(number_of(worker, "worker"))},
               {grouped(number_of(worker, "polls"))},
               {grouped(number_of(worker, "bursts"))}});
  return "\n" + table.text(options.colours);
}

std::string_view mark_of(const std::string& kind) {
  if (kind == "added") return "+";
  return kind == "removed" ? "-" : "~";
}

Colour colour_of(std::string_view mark) {
  if (mark == "+") return Colour::green;
  return mark == "-" ? Colour::red : Colour::yellow;
}

// Figures outlive the process that counted.
std::string remark_on_age(const Json& json, const ShowOptions& options) {
  if (json.at("live").get<bool>()) return "";
  return paint("(sluice-dataplane is not connected: this is what it has left)", Colour::yellow,
               options.colours) +
         "\n";
}

}  // namespace

std::string show_counters(const Json& json, const ShowOptions& options) {
  Table table({{"COUNTER"}, {"COUNT", true}, {"MEANING"}});
  add_named(table, json.at("verdicts"), options.all);
  add_named(table, json.at("flow_table"), options.all);
  const std::string named = table.empty() ? "no packet counted yet; --all shows every counter\n"
                                          : table.text(options.colours);
  return named + listeners_table(json.at("listeners"), options) +
         backends_table(json.at("backends"), options) + workers_table(json.at("workers"), options) +
         remark_on_age(json, options);
}

std::string show_flows(const Json& json, const ShowOptions& options) {
  Table table({{"PROTO"},
               {"SOURCE"},
               {"DESTINATION"},
               {"BACKEND"},
               {"STATE"},
               {"IDLE", true},
               {"NAT SOURCE"}});
  for (const Json& flow : json.at("flows")) {
    const bool has_owner = !flow.at("backend").is_null();
    table.add({{text_of(flow, "protocol")},
               {text_of(flow, "source")},
               {text_of(flow, "destination")},
               has_owner ? Cell{text_of(flow, "service") + "/" + text_of(flow, "backend")}
                         : Cell{"(gone)", Colour::yellow},
               {text_of(flow, "state")},
               {fmt::format("{} s", number_of(flow, "idle_seconds"))},
               {flow.contains("nat_source") ? text_of(flow, "nat_source") : ""}});
  }
  std::string out = table.empty() ? "no flows\n" : table.text(options.colours);
  if (json.at("cut").get<bool>())
    out += fmt::format("(there may be more: cut after {}; --limit shows up to 100000)\n",
                       counted(number_of(json, "count"), "flow"));
  return out + remark_on_age(json, options);
}

std::string show_explanation(const Json& json, const ShowOptions& options) {
  std::string out = paint(text_of(json, "tuple"), Colour::bold, options.colours) + "\n";
  std::size_t step = 0;
  for (const Json& reason : json.at("reasons"))
    out += fmt::format("  {}. {}\n", ++step, reason.get<std::string>());
  if (json.at("backend").is_null()) return out;
  const bool is_sent = !json.at("path").is_null();
  out += fmt::format("backend        {} ({})\n",
                     paint(text_of(json, "service") + "/" + text_of(json, "backend"),
                           is_sent ? Colour::green : Colour::red, options.colours),
                     text_of(json, "address"));
  if (!is_sent) return out;
  const Json& path = json.at("path");
  out += fmt::format("encapsulation  {}\n", text_of(json, "encapsulation"));
  return out + fmt::format("next hop       {} ({}) by port {}, MTU {}\n", text_of(path, "next_hop"),
                           text_of(path, "next_hop_mac"), text_of(path, "port"),
                           number_of(path, "mtu"));
}

std::string show_plan(const Json& json, const ShowOptions& options) {
  if (json.at("changes").empty()) return "nothing changes\n";
  std::string out;
  for (const Json& change : json.at("changes")) {
    const std::string_view mark = mark_of(text_of(change, "kind"));
    const std::string detail = text_of(change, "detail");
    const std::string line = fmt::format("{} {}{}{}", mark, text_of(change, "subject"),
                                         detail.empty() ? "" : ": ", detail);
    out += paint(line, colour_of(mark), options.colours) + "\n";
  }
  for (const Json& shift : json.at("shifts"))
    out += fmt::format("service {}: {} of {} slots move ({:.1f} %)\n", text_of(shift, "service"),
                       grouped(number_of(shift, "slots_moved")), grouped(number_of(shift, "slots")),
                       shift.at("percent").get<double>());
  out += fmt::format("flows that must move: {}\n", grouped(number_of(json, "flows_to_move")));
  if (json.at("needs_restart").get<bool>())
    out += paint("restart of sluice-dataplane needed\n", Colour::yellow, options.colours);
  return out;
}

}  // namespace sluice::ctl
