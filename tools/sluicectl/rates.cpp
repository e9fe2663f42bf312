#include "tools/sluicectl/rates.h"

#include <algorithm>
#include <fmt/format.h>
#include <initializer_list>

#include "tools/sluicectl/fields.h"

namespace sluice::ctl {
namespace {

constexpr double bits_per_byte = 8;
constexpr double ns_per_second = 1e9;

// The element of a list with the same values under these keys; null when there is none.
const Json* find_same(const Json& list, const Json& like, std::initializer_list<const char*> keys) {
  const auto it = std::ranges::find_if(list, [&](const Json& item) {
    return std::ranges::all_of(keys, [&](const char* key) { return item.at(key) == like.at(key); });
  });
  return it == list.end() ? nullptr : &*it;
}

// How much a counter has grown each second.
double rate(const Json* before, const Json& after, const char* key, double seconds) {
  const std::uint64_t now = number_of(after, key);
  const std::uint64_t then = before == nullptr ? 0 : number_of(*before, key);
  return now < then ? 0 : static_cast<double>(now - then) / seconds;
}

Json listeners_of(const Json& before, const Json& after, double seconds) {
  Json out = Json::array();
  for (const Json& listener : after.at("listeners")) {
    const Json* then =
        find_same(before.at("listeners"), listener, {"service", "vip", "port", "protocol"});
    out.push_back({{"service", listener.at("service")},
                   {"vip", listener.at("vip")},
                   {"port", listener.at("port")},
                   {"protocol", listener.at("protocol")},
                   {"packets_per_second", rate(then, listener, "packets", seconds)},
                   {"bits_per_second", rate(then, listener, "bytes", seconds) * bits_per_byte}});
  }
  return out;
}

Json backends_of(const Json& before, const Json& after, double seconds) {
  Json out = Json::array();
  for (const Json& backend : after.at("backends")) {
    const Json* then = find_same(before.at("backends"), backend, {"service", "backend"});
    out.push_back({{"service", backend.at("service")},
                   {"backend", backend.at("backend")},
                   {"packets_per_second", rate(then, backend, "packets", seconds)},
                   {"bits_per_second", rate(then, backend, "bytes", seconds) * bits_per_byte},
                   {"flows_per_second", rate(then, backend, "flows_begun", seconds)}});
  }
  return out;
}

Json verdicts_of(const Json& before, const Json& after, double seconds) {
  Json out = Json::array();
  for (const Json& verdict : after.at("verdicts")) {
    const double packets =
        rate(find_same(before.at("verdicts"), verdict, {"name"}), verdict, "count", seconds);
    if (packets > 0) out.push_back({{"name", verdict.at("name")}, {"packets_per_second", packets}});
  }
  return out;
}

Json workers_of(const Json& before, const Json& after, double seconds) {
  Json out = Json::array();
  for (const Json& worker : after.at("workers")) {
    const Json* then = find_same(before.at("workers"), worker, {"worker"});
    const double packets = rate(then, worker, "packets", seconds);
    const double bursts = rate(then, worker, "bursts", seconds);
    const double busy = rate(then, worker, "busy_ns", seconds) / ns_per_second;
    out.push_back({{"worker", worker.at("worker")},
                   {"packets_per_second", packets},
                   {"packets_per_burst", bursts > 0 ? packets / bursts : 0.0},
                   {"busy_percent", std::min(100 * busy, 100.0)}});
  }
  return out;
}

// "12", "1.2k", "3.4M"
std::string human_rate(double value) {
  if (value < 1'000) return fmt::format("{:.0f}", value);
  for (const char* unit : {"k", "M", "G"}) {
    value /= 1'000;
    if (value < 1'000) return fmt::format("{:.1f}{}", value, unit);
  }
  return fmt::format("{:.1f}T", value / 1'000);
}

std::string rate_text(const Json& json, const char* key) {
  return human_rate(json.at(key).get<double>());
}

std::string services_table(const Json& rates, const ShowOptions& options) {
  Table table({{"SERVICE"}, {"LISTENER"}, {"PACKETS/S", true}, {"BITS/S", true}});
  for (const Json& listener : rates.at("listeners"))
    table.add({{text_of(listener, "service")},
               {listener_of(listener)},
               {rate_text(listener, "packets_per_second")},
               {rate_text(listener, "bits_per_second")}});
  return table.empty() ? "no services\n" : table.text(options.colours);
}

std::string backends_table(const Json& rates, const ShowOptions& options) {
  Table table({{"SERVICE/BACKEND"}, {"PACKETS/S", true}, {"BITS/S", true}, {"NEW FLOWS/S", true}});
  for (const Json& backend : rates.at("backends"))
    table.add({{text_of(backend, "service") + "/" + text_of(backend, "backend")},
               {rate_text(backend, "packets_per_second")},
               {rate_text(backend, "bits_per_second")},
               {rate_text(backend, "flows_per_second")}});
  return table.empty() ? "" : "\n" + table.text(options.colours);
}

std::string verdicts_table(const Json& rates, const ShowOptions& options) {
  Table table({{"VERDICT"}, {"PACKETS/S", true}});
  for (const Json& verdict : rates.at("verdicts")) {
    const std::string name = text_of(verdict, "name");
    table.add({{name, name.starts_with("drop_") ? Colour::yellow : Colour::plain},
               {rate_text(verdict, "packets_per_second")}});
  }
  return table.empty() ? "" : "\n" + table.text(options.colours);
}

std::string workers_table(const Json& rates, const ShowOptions& options) {
  Table table({{"WORKER", true}, {"BUSY", true}, {"PACKETS/S", true}, {"PACKETS/BURST", true}});
  for (const Json& worker : rates.at("workers"))
    table.add({{grouped(number_of(worker, "worker"))},
               {fmt::format("{:.1f} %", worker.at("busy_percent").get<double>())},
               {rate_text(worker, "packets_per_second")},
               {fmt::format("{:.1f}", worker.at("packets_per_burst").get<double>())}});
  return "\n" + table.text(options.colours);
}

}  // namespace

Json rates_between(const Json& before, const Json& after, double seconds) {
  return {{"seconds", seconds},
          {"live", after.at("live")},
          {"listeners", listeners_of(before, after, seconds)},
          {"backends", backends_of(before, after, seconds)},
          {"verdicts", verdicts_of(before, after, seconds)},
          {"workers", workers_of(before, after, seconds)}};
}

std::string show_rates(const Json& rates, const ShowOptions& options) {
  std::string out = services_table(rates, options) + backends_table(rates, options) +
                    verdicts_table(rates, options) + workers_table(rates, options);
  if (!rates.at("live").get<bool>())
    out += paint("(sluice-dataplane is not connected: nothing moves)\n", Colour::yellow,
                 options.colours);
  return out;
}

}  // namespace sluice::ctl
