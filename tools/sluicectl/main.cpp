#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <unistd.h>

#include "tools/sluicectl/commands.h"
#include "tools/sluicectl/drain.h"
#include "tools/sluicectl/seeing.h"

namespace sluice::ctl {
namespace {

/// Everything that the command line can say.
struct Arguments {
  std::string socket = "/run/sluice/control.sock";
  bool json = false;
  bool all = false;
  std::string file;
  std::string shell;
  std::string weight;
  std::string service;
  BackendArgument backend;
  DrainWanted drain;
  FlowsWanted flows;
  Journey journey;
  CaptureWanted capture;
  TraceWanted trace;
  TopWanted top;
};

using Command = std::function<int(const Session&)>;

bool wants_colours() {
  const char* no_color = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0');
}

std::string check_weight(const std::string& text) {
  const bool is_number = !text.empty() && text.size() <= 4 &&
                         text.find_first_not_of("0123456789") == std::string::npos;
  if (text == "reset" || (is_number && std::stoi(text) <= 1'000)) return "";
  return "\"" + text + "\" is no weight: write 0 to 1000, or reset";
}

std::string check_deadline(const std::string& text) {
  if (parse_deadline(text)) return "";
  return "\"" + text + "\" is no time to wait: write 90s, 5m or 1h";
}

CLI::App* add(CLI::App& app, const char* name, const char* what, Command command, Command& chosen) {
  CLI::App* out = app.add_subcommand(name, what);
  out->fallthrough();
  out->callback([command = std::move(command), &chosen] { chosen = command; });
  return out;
}

void add_backend(CLI::App* command, BackendArgument& backend) {
  command->add_option("SERVICE", backend.service, "the service's name")->required();
  command->add_option("BACKEND", backend.backend, "the backend's name")->required();
}

void add_looking(CLI::App& app, Arguments& arguments, Command& chosen) {
  add(app, "status", "is everything as it should be", run_status, chosen);
  add(app, "services", "services with their listeners and traffic", run_services, chosen);
  add(
      app, "backends", "backends with health, weight and share",
      [&](const Session& session) { return run_backends(session, arguments.service); }, chosen)
      ->add_option("SERVICE", arguments.service, "only of this service");
  add(app, "counters", "what became of packets", run_counters, chosen)
      ->add_flag("--all", arguments.all, "those that are zero too");
  CLI::App* flows = add(
      app, "flows", "flows that the data plane knows",
      [&](const Session& session) { return run_flows(session, arguments.flows); }, chosen);
  flows->add_option("--limit", arguments.flows.limit, "at most so many")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  flows->add_option("--service", arguments.flows.service, "only of this service");
  flows->add_option("--backend", arguments.flows.backend, "only on backends of this name");
  CLI::App* explain = add(
      app, "explain", "where a packet would go, and why",
      [&](const Session& session) { return run_explain(session, arguments.journey); }, chosen);
  explain
      ->add_option("PROTO", arguments.journey.protocol,
                   "tcp, udp, sctp, icmp, icmpv6, gre, esp, or a number")
      ->required();
  explain
      ->add_option("SRC", arguments.journey.source,
                   "the client: 192.0.2.1:1234, [2001:db8::1]:1234")
      ->required();
  explain->add_option("DST", arguments.journey.destination, "the VIP: 203.0.113.10:80")->required();
  explain->add_option("--quic-cid", arguments.journey.quic_cid,
                      "the packet's QUIC connection ID, in hexadecimal digits");
}

void add_changing(CLI::App& app, Arguments& arguments, Command& chosen) {
  using FileCommand = int (*)(const Session&, const std::string&);
  const auto add_file = [&](const char* name, const char* what, FileCommand command) {
    add(
        app, name, what,
        [&arguments, command](const Session& session) { return command(session, arguments.file); },
        chosen)
        ->add_option("FILE", arguments.file, "the file; - is standard input")
        ->required();
  };
  add_file("check", "look for errors in a configuration file", run_check);
  add_file("plan", "show what a configuration file would change", run_plan);
  add_file("apply", "put a configuration file in force", run_apply);

  CLI::App* drain = add(
      app, "drain", "let a backend keep its flows, but take no new ones",
      [&](const Session& session) { return run_drain(session, arguments.drain); }, chosen);
  add_backend(drain, arguments.drain.backend);
  drain->add_flag("--wait", arguments.drain.wait, "until no flow is left on it");
  drain->add_option("--deadline", arguments.drain.deadline, "wait at most so long: 90s, 5m, 1h")
      ->check(check_deadline);
  add_backend(
      add(
          app, "enable", "let a backend take new flows again",
          [&](const Session& session) { return run_enable(session, arguments.backend); }, chosen),
      arguments.backend);
  CLI::App* weight = add(
      app, "weight", "set or reset the weight of a backend",
      [&](const Session& session) {
        return run_weight(session, arguments.backend, arguments.weight);
      },
      chosen);
  add_backend(weight, arguments.backend);
  weight->add_option("WEIGHT", arguments.weight, "0 to 1000, or reset: as the file says")
      ->required()
      ->check(check_weight);
}

void add_filter(CLI::App* command, std::vector<std::string>& filter) {
  command->add_option("FILTER", filter, "only these packets, as for tcpdump: tcp port 80");
}

void add_watching(CLI::App& app, Arguments& arguments, Command& chosen) {
  CaptureWanted& capture = arguments.capture;
  CLI::App* command = add(
      app, "capture", "write live packets to a file, each with its verdict",
      [&](const Session& session) { return run_capture(session, capture); }, chosen);
  add_filter(command, capture.filter);
  command->add_option("-w,--write", capture.file, "a pcapng file; - is standard output")
      ->required();
  command->add_option("--count", capture.packets, "end after so many packets")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--seconds", capture.seconds, "end after so long")
      ->check(CLI::Range(1, 3'600))
      ->capture_default_str();
  command->add_option("--snaplen", capture.snaplen, "keep so many bytes of each packet")
      ->check(CLI::Range(14, 65'535))
      ->capture_default_str();
  command->add_flag("--out", capture.sent, "each packet as it goes out too");

  TraceWanted& trace = arguments.trace;
  command = add(
      app, "trace", "show step by step what becomes of the next packets",
      [&](const Session& session) { return run_trace(session, trace); }, chosen);
  add_filter(command, trace.filter);
  command->add_option("--count", trace.packets, "end after so many packets")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--seconds", trace.seconds, "end after so long")
      ->check(CLI::Range(1, 3'600))
      ->capture_default_str();

  command = add(
      app, "top", "traffic of services and backends, each second",
      [&](const Session& session) { return run_top(session, arguments.top); }, chosen);
  command->add_flag("--once", arguments.top.once, "show it once and end");
  command->add_option("--interval", arguments.top.interval_seconds, "seconds between two looks")
      ->check(CLI::Range(1, 3'600))
      ->capture_default_str();
}

// All that follows the word is for the other program, --help too.
void add_replay(CLI::App& app, Command& chosen) {
  CLI::App* replay =
      app.add_subcommand("replay", "try a configuration on a capture, without a daemon");
  replay->prefix_command()->set_help_flag();
  replay->callback([replay, &chosen] {
    chosen = [words = replay->remaining()](const Session& session) {
      return run_replay(session, words);
    };
  });
}

void add_completion(CLI::App& app, Arguments& arguments, Command& chosen) {
  add(
      app, "completion", "print a completion script",
      [&](const Session&) { return run_completion(arguments.shell); }, chosen)
      ->add_option("SHELL", arguments.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  CLI::App* names = add(
      app, "complete-names", "for the completion scripts",
      [&](const Session& session) { return run_names(session, arguments.service); }, chosen);
  names->add_option("SERVICE", arguments.service, "names of its backends, not of services");
  names->group("");  // not listed by --help
}

// A reader that has seen enough (`| head`) is no error.
int flush(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  if (errno != EPIPE) std::perror("sluicectl: cannot write the answer");
  return errno == EPIPE ? status : exit_unreachable;
}

int run(int argc, char** argv) {
  CLI::App app("sluicectl: looks at Sluice and changes it, by the control socket of sluiced");
  app.set_version_flag("--version", std::string("sluicectl ") + SLUICE_VERSION);
  app.require_subcommand(1);
  Arguments arguments;
  Command chosen;
  app.add_option("--socket", arguments.socket, "control socket of sluiced")
      ->capture_default_str()
      ->envname("SLUICE_SOCKET");
  app.add_flag("--json", arguments.json, "print the answer as JSON");
  add_looking(app, arguments, chosen);
  add_watching(app, arguments, chosen);
  add_changing(app, arguments, chosen);
  add_replay(app, chosen);
  add_completion(app, arguments, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_unreachable;
  }
  const Session session{.client = Client(arguments.socket),
                        .json = arguments.json,
                        .show = {.colours = wants_colours(),
                                 .all = arguments.all,
                                 .now = std::chrono::system_clock::now()}};
  return flush(chosen(session));
}

}  // namespace
}  // namespace sluice::ctl

int main(int argc, char** argv) { return sluice::ctl::run(argc, argv); }
