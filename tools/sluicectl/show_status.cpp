#include <ctime>
#include <fmt/format.h>

#include "tools/sluicectl/fields.h"
#include "tools/sluicectl/show.h"

namespace sluice::ctl {
namespace {

std::string field(std::string_view name, std::string_view value) {
  return fmt::format("{:<14}{}\n", name, value);
}

std::string data_plane_line(const Json& status, bool colours) {
  const Json& plane = status.at("data_plane");
  if (!plane.at("connected").get<bool>()) return paint("not connected", Colour::red, colours);
  const bool forwarding = plane.at("forwarding").get<bool>();
  const bool in_sync = status.at("in_sync").get<bool>();
  return paint(forwarding ? "forwarding" : "not forwarding",
               forwarding ? Colour::green : Colour::red, colours) +
         ", " +
         paint(in_sync ? "in sync" : "not in sync", in_sync ? Colour::green : Colour::yellow,
               colours) +
         fmt::format(" (pid {}, version {})", number_of(plane, "pid"), text_of(plane, "version"));
}

// "nat, proxy v2": what else is done to its packets.
std::string forward_of(const Json& service) {
  std::string out = text_of(service, "forward");
  if (const auto version = text_of(service, "proxy_protocol"); version != "off")
    out += ", proxy " + version;
  if (const auto cookies = text_of(service, "syn_cookies"); cookies != "off")
    out += ", cookies " + cookies;
  return out;
}

std::string backends_line(const Json& counts, bool colours) {
  std::string out = grouped(number_of(counts, "all"));
  std::string separator = ": ";
  const auto add = [&](const char* key, const char* word, Colour colour) {
    const std::uint64_t count = number_of(counts, key);
    if (count == 0) return;
    out += separator + paint(grouped(count) + " " + word, colour, colours);
    separator = ", ";
  };
  add("up", "up", Colour::green);
  add("down", "down", Colour::red);
  add("unknown", "unknown", Colour::yellow);
  add("drained", "drained", Colour::yellow);
  add("without_path", "without path", Colour::red);
  return out;
}

// "flows4 12% of 1,000,000, ...": the tables that have anything in them.
std::string tables_line(const Json& tables, bool colours) {
  std::string out;
  for (const Json& table : tables) {
    if (number_of(table, "used") == 0) continue;
    std::string text = fmt::format("{} {}% of {}", text_of(table, "name"),
                                   number_of(table, "percent"), grouped(number_of(table, "size")));
    const bool is_alarm = table.at("alarm").get<bool>();
    if (is_alarm) text = "ALARM " + text + ": " + text_of(table, "remedy");
    out += (out.empty() ? "" : ", ") + paint(text, is_alarm ? Colour::red : Colour::plain, colours);
  }
  return out.empty() ? "empty" : out;
}

std::string warnings_of(const Json& status, bool colours) {
  std::string out;
  const auto add = [&](const char* name, const std::string& text, Colour colour) {
    if (!text.empty()) out += field(name, paint(text, colour, colours));
  };
  add("warning", text_of(status.at("config"), "warning"), Colour::yellow);
  add("warning", text_of(status.at("config"), "storage_warning"), Colour::yellow);
  add("why", text_of(status, "out_of_sync"), Colour::yellow);
  const Json& plane = status.at("data_plane");
  if (!plane.at("connected").get<bool>()) return out;
  add("counters", text_of(plane, "counters_problem"), Colour::yellow);
  const std::string error = text_of(plane, "error");
  if (text_of(status, "out_of_sync").find(error) == std::string::npos)
    add("error", error, Colour::red);
  for (const Json& note : plane.at("notes")) add("note", note.get<std::string>(), Colour::plain);
  return out;
}

// "2026-03-01T12:00:00Z" as the time since then; "-" for null.
std::string age_of(const Json& time, std::chrono::system_clock::time_point now) {
  if (!time.is_string()) return "-";
  std::tm parts{};
  if (strptime(time.get<std::string>().c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr)
    return "-";
  const auto then = std::chrono::system_clock::from_time_t(timegm(&parts));
  return human_duration(std::chrono::duration_cast<std::chrono::seconds>(now - then));
}

Cell state_cell(const Json& backend) {
  const std::string state = text_of(backend, "state");
  if (backend.at("drained").get<bool>()) return {state + ", drained", Colour::yellow};
  if (const auto percent = number_of(backend, "ramp_percent"); percent < 100)
    return {fmt::format("{}, ramping {} %", state, percent), Colour::yellow};
  const Colour colour = state == "up"     ? Colour::green
                        : state == "down" ? Colour::red
                                          : Colour::yellow;
  return {state, colour};
}

bool is_overridden(const Json& backend) {
  const Json& change = backend.at("override");
  return !change.at("drain").is_null() || !change.at("weight").is_null();
}

std::string name_of(const Json& backend) {
  return text_of(backend, "service") + "/" + text_of(backend, "name");
}

// What a table has no room for: why a backend is down or cannot be reached.
std::string remarks_on(const Json& backend, const ShowOptions& options) {
  std::string out;
  const std::string reason = text_of(backend, "reason");
  if (text_of(backend, "state") != "up" && !reason.empty())
    out += paint(name_of(backend) + ": " + reason, Colour::red, options.colours) + "\n";
  const std::string no_path = text_of(backend, "no_path_reason");
  if (!no_path.empty())
    out += paint(name_of(backend) + ": no path: " + no_path, Colour::red, options.colours) + "\n";
  return out;
}

}  // namespace

bool is_healthy(const Json& status) {
  const Json& plane = status.at("data_plane");
  if (!plane.at("connected").get<bool>() || !plane.at("forwarding").get<bool>()) return false;
  return plane.at("rejected_generation") != status.at("generations").at("config");
}

std::string show_status(const Json& json, const ShowOptions& options) {
  const Json& counts = json.at("counts");
  std::string out = field(
      "sluiced",
      text_of(json, "version") + ", up " +
          human_duration(std::chrono::seconds(json.at("uptime_seconds").get<std::int64_t>())));
  out += field("configuration", text_of(json.at("config"), "path"));
  out += field("data plane", data_plane_line(json, options.colours));
  out += field("services", fmt::format("{} on {}", grouped(number_of(counts, "services")),
                                       counted(number_of(counts, "listeners"), "listener")));
  out += field("backends", backends_line(counts.at("backends"), options.colours));
  if (json.contains("tables") && !json.at("tables").empty())
    out += field("tables", tables_line(json.at("tables"), options.colours));
  if (const auto overrides = number_of(counts, "overrides"); overrides > 0)
    out += field("overrides", counted(overrides, "backend") + " changed by hand");
  return out + warnings_of(json, options.colours);
}

std::string show_services(const Json& json, const ShowOptions& options) {
  Table table(
      {{"SERVICE"}, {"LISTENER"}, {"FORWARD"}, {"UP", true}, {"PACKETS", true}, {"BYTES", true}});
  std::string remarks;
  for (const Json& service : json.at("services")) {
    const Json& backends = service.at("backends");
    const auto up = number_of(backends, "up");
    const auto all = number_of(backends, "all");
    const Colour colour = up == all ? Colour::green : up == 0 ? Colour::red : Colour::yellow;
    bool is_first = true;
    for (const Json& listener : service.at("listeners")) {
      table.add({{is_first ? text_of(service, "name") : ""},
                 {listener_of(listener)},
                 {is_first ? forward_of(service) : ""},
                 {is_first ? fmt::format("{}/{}", up, all) : "", colour},
                 {grouped(number_of(listener, "packets"))},
                 {human_bytes(number_of(listener, "bytes"))}});
      is_first = false;
    }
    if (service.at("panic").get<bool>())
      remarks += paint(text_of(service, "name") + ": every backend is down, so all are used",
                       Colour::red, options.colours) +
                 "\n";
  }
  return table.text(options.colours) + remarks;
}

std::string show_backends(const Json& json, const ShowOptions& options) {
  Table table({{"SERVICE/BACKEND"},
               {"ADDRESS"},
               {"STATE"},
               {"FOR"},
               {"WEIGHT", true},
               {"SHARE", true},
               {"FLOWS", true},
               {"ACTIVE", true}});
  std::string remarks;
  bool any_override = false;
  for (const Json& backend : json.at("backends")) {
    const bool overridden = is_overridden(backend);
    any_override = any_override || overridden;
    table.add({{name_of(backend)},
               {text_of(backend, "address")},
               state_cell(backend),
               {age_of(backend.at("since"), options.now)},
               {fmt::format("{}{}", number_of(backend, "weight"), overridden ? "*" : "")},
               {fmt::format("{:.1f} %", backend.at("slots_percent").get<double>())},
               {grouped(number_of(backend, "flows_begun"))},
               {grouped(number_of(backend, "flows_active"))}});
    remarks += remarks_on(backend, options);
  }
  if (any_override)
    remarks += "* changed by hand; `sluicectl enable` and `sluicectl weight ... reset` undo that\n";
  return table.text(options.colours) + remarks;
}

}  // namespace sluice::ctl
