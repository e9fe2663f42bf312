#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tools/pktgen/device.h"
#include "tools/pktgen/options.h"
#include "tools/pktgen/report.h"
#include "tools/pktgen/stop_signal.h"
#include "tools/pktgen/trial.h"

namespace sluice::pktgen {
namespace {

// Exit statuses, as those of sluicectl.
constexpr int success = 0;
constexpr int failed = 1;

// Enough for the descriptors of a port each way, and what waits in rings between.
constexpr std::uint32_t send_buffers = 8'191;
constexpr std::uint32_t receive_buffers = 16'383;

constexpr std::chrono::seconds link_wait{10};
constexpr std::chrono::milliseconds glance{20};

// The ports and the memory that their packets are in.
struct Ports {
  Pool send_pool;
  Pool receive_pool;
  std::vector<Device> devices;

  [[nodiscard]] Device& sending() { return devices.front(); }
  [[nodiscard]] Device& receiving() { return devices.back(); }
};

std::expected<Ports, Error> open_ports(const Options& options) {
  Ports out;
  auto send_pool = make_pool("send", send_buffers);
  if (!send_pool) return std::unexpected(send_pool.error());
  auto receive_pool = make_pool("receive", receive_buffers);
  if (!receive_pool) return std::unexpected(receive_pool.error());
  out.send_pool = std::move(*send_pool);
  out.receive_pool = std::move(*receive_pool);
  const bool is_one = options.devices.size() == 1;
  for (std::size_t i = 0; i < options.devices.size(); ++i) {
    const Device::Role role{.sends = options.sends && (is_one || i == 0),
                            .receives = options.receives && (is_one || i == 1)};
    auto device = Device::open(options.devices[i], role, *out.receive_pool);
    if (!device) return std::unexpected(device.error());
    out.devices.push_back(std::move(*device));
  }
  return out;
}

// Until every port has a link. Nothing when interrupted.
std::expected<void, Error> wait_for_link(const Ports& ports, StopSignal& stop) {
  const auto deadline = std::chrono::steady_clock::now() + link_wait;
  for (const Device& device : ports.devices)
    while (!device.has_link()) {
      if (stop.has_come_within(glance)) return {};
      if (std::chrono::steady_clock::now() > deadline)
        return std::unexpected(Error{"no link within " + std::to_string(link_wait.count()) + " s",
                                     "port " + device.name().text(),
                                     "look at the cable, or start the peer"});
    }
  return {};
}

// Everything that goes on from one trial to the next.
class Stage {
 public:
  Stage(const Options& options, Ports& ports, StopSignal& stop)
      : options_(options), stop_(stop), generator_(options.traffic) {
    if (options.sends)
      sender_.emplace(ports.sending().id(), *ports.send_pool, generator_, options.burst);
    if (!options.receives) return;
    sink_ = std::make_unique<Sink>(options.traffic, options.sends);
    receiver_.emplace(ports.receiving().id(), clock_, *sink_);
  }

  using Result = std::expected<std::unique_ptr<Outcome>, Error>;
  [[nodiscard]] Result run(Rate rate, const EachSecond& each_second) {
    const Cast cast{.clock = clock_,
                    .cores = options_.cores,
                    .generator = sender_ ? &generator_ : nullptr,
                    .sender = sender_ ? &*sender_ : nullptr,
                    .receiver = receiver_ ? &*receiver_ : nullptr,
                    .sink = sink_.get()};
    const Plan plan{.rate = rate,
                    .duration = options_.duration,
                    .count = options_.count,
                    .burst = options_.burst,
                    .drain = options_.drain};
    return run_trial(cast, plan, [this] { return stop_.has_come_within(glance); }, each_second);
  }
  [[nodiscard]] bool follows_flows() const { return sink_ && sink_->follows_flows(); }

 private:
  const Options& options_;
  StopSignal& stop_;
  Clock clock_;
  Generator generator_;
  std::optional<Sender> sender_;
  std::unique_ptr<Sink> sink_;  // large
  std::optional<Receiver> receiver_;
};

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);  // lines are read as they come
}

int complain(const Error& error) {
  std::fprintf(stderr, "sluice-pktgen: %s\n", error.text().c_str());
  return failed;
}

int run_once(const Options& options, Stage& stage, Json json) {
  SecondLines lines(options.sends, options.receives);
  if (!options.json) print(lines.heading());
  json["seconds"] = Json::array();
  Progress last;
  const auto outcome = stage.run(options.rate, [&](const Progress& progress) {
    if (!options.json) print(lines.line(progress));
    json["seconds"].push_back(second_json(progress, last));
    last = progress;
  });
  if (!outcome) return complain(outcome.error());
  if (!options.json) {
    print(outcome_text(**outcome, options, stage.follows_flows()));
    return success;
  }
  json.update(outcome_json(**outcome, options, stage.follows_flows()));
  print(json.dump(2) + "\n");
  return success;
}

int run_search(const Options& options, Stage& stage, Json json) {
  RateSearch search({.highest = options.rate,
                     .loss_ppm = options.loss_ppm,
                     .resolution_ppm = options.resolution_ppm});
  if (!options.json) print(trial_heading());
  Json trials = Json::array();
  bool interrupted = false;
  for (int number = 1; !search.is_done() && !interrupted; ++number) {
    const auto outcome = stage.run(search.next(), [](const Progress&) {});
    if (!outcome) return complain(outcome.error());
    interrupted = (*outcome)->interrupted;
    if (interrupted) break;  // half a trial shows nothing
    const bool passed = search.record({.offered_pps = (*outcome)->sent_pps(),
                                       .sent = (*outcome)->sent,
                                       .lost = (*outcome)->lost});
    trials.push_back(trial_json(**outcome, passed));
    if (!options.json) print(trial_line(number, **outcome, passed));
  }
  if (options.json) {
    json["search"] = {
        {"throughput_pps", search.best_pps() ? Json(*search.best_pps()) : Json(nullptr)},
        {"loss_allowed", static_cast<double>(options.loss_ppm) / 1e6},
        {"trials", trials}};
    json["interrupted"] = interrupted;
    print(json.dump(2) + "\n");
  } else {
    if (interrupted) print("interrupted: the search has not come to its end\n");
    print(search_text(search, options));
  }
  return search.best_pps() ? success : failed;
}

// A device without an address of its own gets a locally administered one with this number.
MacAddress mac_of(const Device& device, std::uint8_t number) {
  const MacAddress own = device.mac();
  return own == MacAddress{} ? MacAddress{{0x02, 0, 0, 0, 0, number}} : own;
}

int run(Options options) {
  StopSignal stop;
  const auto environment = Environment::start(options.devices);
  if (!environment) return complain(environment.error());
  auto ports = open_ports(options);
  if (!ports) return complain(ports.error());
  if (auto done = wait_for_link(*ports, stop); !done) return complain(done.error());
  options.traffic.source_mac = options.source_mac.value_or(mac_of(ports->sending(), 1));
  options.traffic.destination_mac = options.destination_mac.value_or(mac_of(ports->receiving(), 2));
  Stage stage(options, *ports, stop);
  Json json = options_json(options, environment->uses_hugepages());
  return options.search ? run_search(options, stage, std::move(json))
                        : run_once(options, stage, std::move(json));
}

}  // namespace
}  // namespace sluice::pktgen

int main(int argc, char** argv) {
  try {
    auto options = sluice::pktgen::read_options(argc, argv);
    return options ? sluice::pktgen::run(std::move(*options)) : options.error();
  } catch (const std::exception& error) {  // out of memory
    std::fprintf(stderr, "sluice-pktgen: %s\n", error.what());
    return sluice::pktgen::failed;
  }
}
