#include <CLI/CLI.hpp>
#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "core/config/compile.h"
#include "tools/replay/capture.h"
#include "tools/replay/replay.h"
#include "tools/replay/report.h"
#include "tools/replay/surroundings.h"

namespace sluice::replay {
namespace {

// Exit statuses, as those of sluicectl.
constexpr int success = 0;
constexpr int failed = 1;
constexpr int misused = 2;

struct Arguments {
  // As many of the one as of the other: a capture is run under its configuration.
  std::vector<std::string> configs;
  std::vector<std::string> ins;
  std::string out;     // empty: none is written
  std::string paths;   // empty: made up
  std::string health;  // empty: all backends are up
  std::string port;    // empty: the first
  std::vector<std::string> down;
  bool json = false;
  bool each = false;
  bool explain = false;
};

int complain(const Complaints& complaints) {
  for (const std::string& line : complaints)
    std::fprintf(stderr, "sluice-replay: %s\n", line.c_str());
  return failed;
}
int complain(const Error& error) { return complain(Complaints{error.text()}); }

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// Files that are read, before anything runs.
struct Stage {
  Config config;
  Paths paths;
  Health health;
  PortIndex in_port = 0;
  CaptureReader in;
};

std::expected<PortIndex, Complaints> port_named(const std::string& name, const Config& config) {
  if (name.empty()) return PortIndex{0};
  const auto it = std::ranges::find(config.ports, name, &PortConfig::name);
  if (it != config.ports.end()) return static_cast<PortIndex>(it - config.ports.begin());
  return std::unexpected(Complaints{Error{"there is no port \"" + name + "\"", "--port",
                                          "write the name of a [[port]] of the configuration"}
                                        .text()});
}

std::expected<Stage, Complaints> read_stage(const Arguments& arguments, std::size_t number) {
  auto config = read_config(arguments.configs[number]);
  if (!config) return std::unexpected(config.error());
  const auto port = port_named(arguments.port, *config);
  if (!port) return std::unexpected(port.error());
  auto paths = arguments.paths.empty() ? std::expected<Paths, Complaints>(made_up_paths(*config))
                                       : read_paths(arguments.paths);
  if (!paths) return std::unexpected(paths.error());
  auto health = read_health(*config, arguments.health, arguments.down);
  if (!health) return std::unexpected(health.error());
  auto in = CaptureReader::open(arguments.ins[number]);
  if (!in) return std::unexpected(Complaints{in.error().text()});
  return Stage{std::move(*config), std::move(*paths), std::move(*health), *port, std::move(*in)};
}

std::expected<std::vector<Stage>, Complaints> read_stages(const Arguments& arguments) {
  std::vector<Stage> out;
  for (std::size_t i = 0; i < arguments.configs.size(); ++i) {
    auto stage = read_stage(arguments, i);
    if (!stage) return std::unexpected(stage.error());
    out.push_back(std::move(*stage));
  }
  for (const std::string& name : arguments.down)
    if (std::ranges::none_of(out,
                             [&](const Stage& each) { return has_backend(each.config, name); }))
      return std::unexpected(
          Complaints{Error{"there is no backend \"" + name + "\"", "--down",
                           "write service/backend, as the configuration names them"}
                         .text()});
  return out;
}

// `previous` may be null.
std::expected<Snapshot, Complaints> make_snapshot(const Stage& stage, const Snapshot* previous) {
  auto snapshot = compile(with_checks(stage.config), stage.health, stage.paths, previous);
  if (snapshot) return std::move(*snapshot);
  Complaints out;
  for (const ConfigError& error : snapshot.error())
    out.push_back(Error{error.what, error.path, error.remedy}.text());
  return std::unexpected(out);
}

// Runs the captures; what it prints of each packet comes before the summary.
class Run {
 public:
  Run(const Arguments& arguments, CaptureWriter* out, Replay& replay)
      : arguments_(arguments), out_(out), replay_(replay) {}

  // Nothing, or why the output could not be written. Ends at the first damage.
  std::expected<void, Error> all(std::vector<Stage>& stages) {
    const bool in_list = arguments_.json && (arguments_.each || arguments_.explain);
    if (in_list) print("{\n\"each\": [");
    for (Stage& stage : stages) {
      if (&stage != &stages.front()) apply(stage);
      while (const auto frame = next(stage.in))
        if (auto done = one(*frame); !done) return done;
      if (!totals_.error.empty()) break;
    }
    if (out_ != nullptr)
      if (auto done = out_->finish(); !done) return done;
    if (!arguments_.json) {
      print(summary_text(totals_, replay_));
      return {};
    }
    const std::string summary = summary_json(totals_, replay_) + "\n";
    print(in_list ? "\n],\n" + summary.substr(2) : summary);
    return {};
  }
  [[nodiscard]] const std::string& damage() const { return totals_.error; }

 private:
  // Its configuration was accepted on its own, so with a previous one it is too.
  void apply(const Stage& stage) {
    auto snapshot = make_snapshot(stage, &replay_.snapshot());
    assert(snapshot);
    replay_.apply(std::move(*snapshot), stage.in_port);
  }

  std::optional<Frame> next(CaptureReader& in) {
    auto frame = in.next();
    if (frame) return *frame;
    totals_.error = frame.error().text();
    return std::nullopt;
  }

  std::expected<void, Error> one(const Frame& frame) {
    if (totals_.packets++ == 0) first_ns_ = frame.time_ns;
    if (frame.time_ns > first_ns_)
      totals_.duration_ns = std::max(totals_.duration_ns, frame.time_ns - first_ns_);
    if (frame.is_cut()) ++totals_.cut;
    if (frame.bytes.size() > Replay::frame_bytes_max) {
      ++totals_.too_long;
      return {};
    }
    const std::uint64_t number = totals_.packets;
    if (auto done = take(frame, number, replay_.send(frame.bytes, number, frame.time_ns)); !done)
      return done;
    for (const NumberedFrame& held : replay_.take_ripe()) {
      const Frame late{held.bytes, frame.time_ns, static_cast<std::uint32_t>(held.bytes.size())};
      if (auto done = take(late, held.number, replay_.send_held(held)); !done) return done;
    }
    return {};
  }

  std::expected<void, Error> take(const Frame& frame, std::uint64_t number, const Fate& fate) {
    if (fate.lookup == FlowLookup::hit) ++totals_.known_flows;
    show(frame, number, fate);
    if (fate.sent.empty()) return {};
    ++totals_.sent;
    return out_ == nullptr ? std::expected<void, Error>() : out_->write(fate.sent, frame.time_ns);
  }

  void show(const Frame& frame, std::uint64_t number, const Fate& fate) {
    if (!arguments_.each && !arguments_.explain) return;
    if (!arguments_.json) {
      print(record_text(number, frame, fate, arguments_.explain));
      return;
    }
    print((shown_++ == 0 ? "\n" : ",\n") + record_json(number, frame, fate, arguments_.explain));
  }

  const Arguments& arguments_;
  CaptureWriter* out_;
  Replay& replay_;
  Totals totals_;
  std::uint64_t first_ns_ = 0;
  std::uint64_t shown_ = 0;
};

// The output is opened last, so that no mistake elsewhere empties a file.
std::expected<std::optional<CaptureWriter>, Error> open_output(const Arguments& arguments) {
  if (arguments.out.empty()) return std::nullopt;
  std::error_code ignored;
  std::vector<std::string> read{arguments.paths, arguments.health};
  read.insert(read.end(), arguments.ins.begin(), arguments.ins.end());
  read.insert(read.end(), arguments.configs.begin(), arguments.configs.end());
  for (const std::string& file : read)
    if (std::filesystem::equivalent(file, arguments.out, ignored))
      return std::unexpected(
          Error{"the output is one of the inputs", arguments.out, "write another file"});
  auto out = CaptureWriter::create(arguments.out);
  if (!out) return std::unexpected(out.error());
  return std::move(*out);
}

// A flow has a packet: more flows than frames need no room.
std::size_t flows_for(const std::vector<Stage>& stages) {
  constexpr std::uint64_t flows_min = 1'024;
  const std::uint64_t configured = stages.front().config.dataplane.flows_max;
  std::uint64_t frames = flows_min;
  for (const Stage& stage : stages) frames += stage.in.frames_max().value_or(configured);
  return std::min(configured, frames);
}

int replay(const Arguments& arguments) {
  auto stages = read_stages(arguments);
  if (!stages) return complain(stages.error());
  std::optional<Snapshot> first;
  // The others are compiled too before anything is written, to see all that is wrong now.
  for (const Stage& stage : *stages) {
    auto snapshot = make_snapshot(stage, nullptr);
    if (!snapshot) return complain(snapshot.error());
    if (!first) first = std::move(*snapshot);
  }
  auto pipeline = Replay::make(
      std::move(*first), {.flows_max = flows_for(*stages), .in_port = stages->front().in_port});
  if (!pipeline) return complain(pipeline.error());
  auto out = open_output(arguments);
  if (!out) return complain(out.error());

  Run run(arguments, *out ? &**out : nullptr, **pipeline);
  if (const auto done = run.all(*stages); !done) return complain(done.error());
  return run.damage().empty() ? success : complain(Complaints{run.damage()});
}

void describe(CLI::App& app, Arguments& arguments) {
  app.set_version_flag("--version", std::string("sluice-replay ") + SLUICE_VERSION);
  app.add_option("--config", arguments.configs,
                 "the configuration file (TOML); again, with another --in: the configuration that "
                 "is applied then")
      ->required()
      ->expected(1)
      ->take_all();
  app.add_option(
         "--in", arguments.ins,
         "the capture: pcap or pcapng, Ethernet; - is standard input; one for each --config")
      ->required()
      ->expected(1)
      ->take_all();
  app.add_option("--out", arguments.out, "write a pcap of what would be sent, in order");
  app.add_option("--paths", arguments.paths,
                 "next hops: [[path]] tables in TOML, or what `sluicectl --json backends` prints; "
                 "without it they are made up");
  app.add_option("--health", arguments.health,
                 "the states of what `sluicectl --json backends` prints; without it all are up");
  app.add_option("--down", arguments.down, "SERVICE/BACKEND that is down; repeatable")
      ->expected(1)
      ->take_all();
  app.add_option("--port", arguments.port, "the [[port]] that packets come in by; the first one");
  app.add_flag("--json", arguments.json, "print the summary as JSON");
  app.add_flag("--each", arguments.each, "one record for each packet, before the summary");
  app.add_flag("--explain", arguments.explain, "the same with the steps of the decision in words");
}

int run(int argc, char** argv) {
  CLI::App app(
      "Runs a capture through the packet path of Sluice, without root, network or data plane, and\n"
      "says what would become of each packet: to try a configuration before it is live.",
      "sluicectl replay");
  Arguments arguments;
  describe(app, arguments);
  try {
    app.parse(argc, argv);
    if (arguments.configs.size() != arguments.ins.size())
      throw CLI::ValidationError("--in", "write one for each --config");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? success : misused;
  }
  const int status = replay(arguments);
  // A reader that has seen enough (`| head`) is no error.
  if ((std::fflush(stdout) == 0 && std::ferror(stdout) == 0) || errno == EPIPE) return status;
  std::perror("sluice-replay: cannot write the answer");
  return failed;
}

}  // namespace
}  // namespace sluice::replay

int main(int argc, char** argv) {
  try {
    return sluice::replay::run(argc, argv);
  } catch (const std::exception& error) {  // out of memory
    std::fprintf(stderr, "sluice-replay: %s\n", error.what());
    return sluice::replay::failed;
  }
}
