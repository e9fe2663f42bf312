#include "tools/pktgen/report.h"

#include <array>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/sluicectl/table.h"

namespace sluice::pktgen {
namespace {

using ctl::counted;
using ctl::grouped;

constexpr std::array<std::string_view, wrapping_count> wrapping_names = {"plain", "ipip", "gre",
                                                                         "gue"};
constexpr std::array<double, 5> percents = {50, 90, 99, 99.9, 99.99};
// Preamble, start of frame and the gap between frames (IEEE 802.3): what a frame takes beside
// itself and its check sequence.
constexpr std::uint64_t gap_bytes = 20;

double share_of(std::uint64_t part, std::uint64_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

double wire_bits_per_second(std::uint64_t packets, std::uint64_t bytes, std::uint64_t time_ns) {
  const std::uint64_t all = bytes + packets * (check_sequence_bytes + gap_bytes);
  return time_ns == 0 ? 0 : static_cast<double>(all) * 8e9 / static_cast<double>(time_ns);
}

std::string bits_text(double bits_per_second) {
  if (bits_per_second >= 1e9) return fmt::format("{:.2f} Gbit/s", bits_per_second / 1e9);
  return fmt::format("{:.2f} Mbit/s", bits_per_second / 1e6);
}

std::string loss_text(std::uint64_t lost, std::uint64_t sent) {
  return fmt::format("{} ({:.4f} %)", grouped(lost), 100 * share_of(lost, sent));
}

std::string latency_text(const Histogram& latency) {
  if (latency.count() == 0) return "none seen";
  std::string out = fmt::format("min {}, mean {}", time_text(static_cast<double>(latency.min_ns())),
                                time_text(latency.mean_ns()));
  for (const double percent : percents)
    out += fmt::format(", {} % {}", percent,
                       time_text(static_cast<double>(latency.percentile_ns(percent))));
  return out + ", max " + time_text(static_cast<double>(latency.max_ns()));
}

Json latency_json(const Histogram& latency) {
  if (latency.count() == 0) return nullptr;
  Json out{{"count", latency.count()}, {"min", latency.min_ns()}, {"mean", latency.mean_ns()}};
  for (const double percent : percents)
    out[fmt::format("p{}", percent)] = latency.percentile_ns(percent);
  out["max"] = latency.max_ns();
  return out;
}

std::string sent_text(const Outcome& outcome) {
  std::string out = fmt::format(
      "sent      {} in {:.3f} s: {}, {} on the wire\n", counted(outcome.sent, "packet"),
      static_cast<double>(outcome.sending_ns) / 1e9, rate_text(outcome.sent_pps()),
      bits_text(wire_bits_per_second(outcome.sent, outcome.sent_bytes, outcome.sending_ns)));
  if (outcome.given_up != 0)
    out += fmt::format("held up   {} fell due while the sender or the port was not ready\n",
                       counted(outcome.given_up, "packet"));
  return out;
}

std::string received_text(const Outcome& outcome, bool follows_flows) {
  const SinkCounts& seen = outcome.received;
  std::string wrapped;
  for (std::size_t i = 0; i < wrapping_count; ++i)
    if (seen.wrapped[i] != 0)
      wrapped += fmt::format("{}{} {}", wrapped.empty() ? "; " : ", ", wrapping_names[i],
                             grouped(seen.wrapped[i]));
  return fmt::format(
      "received  {}: {}{}\nlost      {}\norder     {} out of order, {} within their flows, {}, {}\n"
      "foreign   {}\nlatency   {}\n",
      counted(seen.packets, "packet"), rate_text(outcome.received_pps()), wrapped,
      loss_text(outcome.lost, outcome.lost + seen.packets), grouped(seen.out_of_order),
      follows_flows ? grouped(seen.out_of_order_in_flow) : "unknown",
      counted(seen.duplicates, "duplicate"), grouped(seen.stale) + " stale", grouped(seen.foreign),
      latency_text(outcome.latency));
}

Json sent_json(const Outcome& outcome) {
  return {{"packets", outcome.sent},
          {"bytes", outcome.sent_bytes},
          {"seconds", static_cast<double>(outcome.sending_ns) / 1e9},
          {"pps", outcome.sent_pps()},
          {"wire_bits_per_second",
           wire_bits_per_second(outcome.sent, outcome.sent_bytes, outcome.sending_ns)},
          {"held_up", outcome.given_up}};
}

Json received_json(const Outcome& outcome, bool follows_flows) {
  const SinkCounts& seen = outcome.received;
  Json out{
      {"packets", seen.packets},
      {"bytes", seen.bytes},
      {"pps", outcome.received_pps()},
      {"lost", outcome.lost},
      {"loss", share_of(outcome.lost, outcome.lost + seen.packets)},
      {"duplicates", seen.duplicates},
      {"out_of_order", seen.out_of_order},
      {"out_of_order_in_flow", follows_flows ? Json(seen.out_of_order_in_flow) : Json(nullptr)},
      {"stale", seen.stale},
      {"foreign", seen.foreign}};
  for (std::size_t i = 0; i < wrapping_count; ++i)
    out["arrived"][std::string(wrapping_names[i])] = seen.wrapped[i];
  return out;
}

// Whether it offered noticeably less than it was asked for.
bool is_held_up(const Outcome& outcome) {
  return outcome.asked && outcome.given_up > (outcome.sent + outcome.given_up) / 100;
}

Json rate_json(Rate rate) { return rate ? Json(*rate) : Json("max"); }

Json traffic_json(const Traffic& traffic) {
  Json sizes = Json::array();
  for (const SizeShare& size : traffic.sizes)
    sizes.push_back({{"frame_bytes", size.frame_bytes}, {"weight", size.weight}});
  return {{"protocol", to_string(traffic.protocol)},
          {"flows", traffic.flows},
          {"new_flows", static_cast<double>(traffic.new_flows_ppm) / 1e6},
          {"open", traffic.opens},
          {"sizes", sizes},
          {"from", traffic.sources.text()},
          {"to", traffic.targets.front().text()},
          {"targets", traffic.targets.size()},
          {"vlan", traffic.vlan ? Json(*traffic.vlan) : Json(nullptr)},
          {"source_mac", traffic.source_mac.text()},
          {"destination_mac", traffic.destination_mac.text()},
          {"stream", traffic.stream}};
}

}  // namespace

std::string rate_text(std::uint64_t pps) {
  if (pps >= 1'000'000) return fmt::format("{:.3f} Mpps", static_cast<double>(pps) / 1e6);
  return grouped(pps) + " pps";
}

std::string time_text(double time_ns) {
  if (time_ns < 1e3) return fmt::format("{:.0f} ns", time_ns);
  if (time_ns < 1e6) return fmt::format("{:.1f} us", time_ns / 1e3);
  if (time_ns < 1e9) return fmt::format("{:.2f} ms", time_ns / 1e6);
  return fmt::format("{:.2f} s", time_ns / 1e9);
}

std::string SecondLines::heading() const {
  std::string out = fmt::format("{:>6}", "second");
  if (sends_) out += fmt::format("  {:>14}", "sent");
  if (receives_) out += fmt::format("  {:>14}", "received");
  if (sends_ && receives_) out += fmt::format("  {:>12}", "missing");
  if (receives_) out += fmt::format("  {:>12}", "foreign");
  return out + "\n";
}

std::string SecondLines::line(const Progress& progress) {
  std::string out = fmt::format("{:>6.1f}", std::chrono::duration<double>(progress.time).count());
  const auto time_ns = static_cast<std::uint64_t>((progress.time - last_.time).count());
  const auto rate = [&](std::uint64_t now, std::uint64_t before) {
    return fmt::format("  {:>14}", rate_text(per_second(now - before, time_ns)));
  };
  if (sends_) out += rate(progress.sent, last_.sent);
  if (receives_) out += rate(progress.received, last_.received);
  // The two counts are not read at the same moment.
  const std::uint64_t missing =
      progress.sent > progress.received ? progress.sent - progress.received : 0;
  if (sends_ && receives_) out += fmt::format("  {:>12}", grouped(missing));
  if (receives_) out += fmt::format("  {:>12}", grouped(progress.foreign - last_.foreign));
  last_ = progress;
  return out + "\n";
}

std::string outcome_text(const Outcome& outcome, const Options& options, bool follows_flows) {
  std::string out;
  if (options.sends) out += sent_text(outcome);
  if (options.receives) out += received_text(outcome, follows_flows);
  if (options.histogram) out += histogram_text(outcome.latency);
  return out;
}

Json outcome_json(const Outcome& outcome, const Options& options, bool follows_flows) {
  Json out{{"sent", options.sends ? sent_json(outcome) : Json(nullptr)},
           {"received", options.receives ? received_json(outcome, follows_flows) : Json(nullptr)},
           {"latency_ns", latency_json(outcome.latency)},
           {"interrupted", outcome.interrupted}};
  if (options.histogram) {
    out["histogram"] = Json::array();
    outcome.latency.for_each([&](std::uint64_t value_ns, std::uint64_t count) {
      out["histogram"].push_back({value_ns, count});
    });
  }
  return out;
}

std::string trial_heading() {
  return fmt::format("{:>5}  {:>14}  {:>14}  {:>22}  {:>9}  {:>9}  {}\n", "trial", "asked",
                     "offered", "lost", "p50", "p99", "result");
}

std::string trial_line(int number, const Outcome& outcome, bool passed) {
  const Histogram& latency = outcome.latency;
  return fmt::format("{:>5}  {:>14}  {:>14}  {:>22}  {:>9}  {:>9}  {}{}\n", number,
                     outcome.asked ? rate_text(*outcome.asked) : "max",
                     rate_text(outcome.sent_pps()), loss_text(outcome.lost, outcome.sent),
                     time_text(static_cast<double>(latency.percentile_ns(50))),
                     time_text(static_cast<double>(latency.percentile_ns(99))),
                     passed ? "passed" : "failed", is_held_up(outcome) ? ", sender held up" : "");
}

Json trial_json(const Outcome& outcome, bool passed) {
  return {{"asked_pps", rate_json(outcome.asked)},
          {"offered_pps", outcome.sent_pps()},
          {"sent", outcome.sent},
          {"lost", outcome.lost},
          {"loss", share_of(outcome.lost, outcome.sent)},
          {"passed", passed},
          {"held_up", outcome.given_up},
          {"latency_ns", latency_json(outcome.latency)}};
}

std::string search_text(const RateSearch& search, const Options& options) {
  const double allowed_percent = static_cast<double>(options.loss_ppm) / 1e4;
  if (!search.best_pps())
    return fmt::format("throughput  none: no rate had at most {} % loss\n", allowed_percent);
  return fmt::format("throughput  {} with at most {} % loss\n", rate_text(*search.best_pps()),
                     allowed_percent);
}

Json second_json(const Progress& progress, const Progress& last) {
  return {{"seconds", std::chrono::duration<double>(progress.time).count()},
          {"sent", progress.sent - last.sent},
          {"received", progress.received - last.received},
          {"foreign", progress.foreign - last.foreign}};
}

std::string histogram_text(const Histogram& latency) {
  std::string out =
      fmt::format("{:>14}  {:>14}  {:>11}\n", "ns at most", "packets", "share so far");
  std::uint64_t so_far = 0;
  latency.for_each([&](std::uint64_t value_ns, std::uint64_t count) {
    so_far += count;
    out += fmt::format("{:>14}  {:>14}  {:>10.4f} %\n", value_ns, count,
                       100 * share_of(so_far, latency.count()));
  });
  return out;
}

Json options_json(const Options& options, bool uses_hugepages) {
  Json ports = Json::array();
  for (const DeviceName& device : options.devices) ports.push_back(device.text());
  return {{"version", SLUICE_VERSION},
          {"ports", ports},
          {"cores", options.cores},
          {"hugepages", uses_hugepages},
          {"rate_pps", rate_json(options.rate)},
          {"traffic", traffic_json(options.traffic)}};
}

}  // namespace sluice::pktgen
