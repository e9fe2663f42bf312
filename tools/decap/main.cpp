#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bpf/decap.h"

namespace sluice {
namespace {

// Exit statuses, as those of sluicectl.
constexpr int success = 0;
constexpr int failed = 1;
constexpr int misused = 2;

struct Arguments {
  std::string device;  // status: may be empty, for all
  std::vector<std::string> vips;
  std::vector<std::string> sources;
  std::uint16_t gue_port = gue_port_default.value();
  bool json = false;
};

int complain(const Error& error) {
  fmt::print(stderr, "sluice-decap: {}\n", error.text());
  return failed;
}

std::string joined(const auto& values) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : ", ") + value.text();
  return out;
}

// CLI11's answer to a bad argument is a text; the good one comes back as "".
std::string check_vip(const std::string& text) {
  const auto address = Address::parse(text);
  if (!address) return text + " is not an IPv4 or IPv6 address: write 203.0.113.10 or 2001:db8::10";
  if (address->is_unspecified() || address->is_multicast())
    return text + " cannot be a VIP: write a unicast address";
  return {};
}

std::string check_source(const std::string& text) {
  return Prefix::parse(text) ? ""
                             : text +
                                   " is not a prefix: write 10.0.1.0/24 or 2001:db8:1::/64, host "
                                   "bits zero, or one address";
}

int attach(const Arguments& arguments) {
  bpf::DecapRules rules;
  for (const std::string& vip : arguments.vips) rules.vips.push_back(*Address::parse(vip));
  for (const std::string& source : arguments.sources)
    rules.sources.push_back(*Prefix::parse(source));
  rules.gue_port = Port(arguments.gue_port);
  if (auto done = bpf::attach_decap(arguments.device, rules); !done) return complain(done.error());
  fmt::print("attached to {}: tunnels for {}, from {}\n", arguments.device, joined(rules.vips),
             rules.sources.empty() ? "anybody" : joined(rules.sources));
  return success;
}

int detach(const Arguments& arguments) {
  if (auto done = bpf::detach_decap(arguments.device); !done) return complain(done.error());
  fmt::print("detached from {}\n", arguments.device);
  return success;
}

void print(const bpf::DecapStatus& status) {
  fmt::print("{}: program {}\n  vips     {}\n  sources  {}\n  gue port {}\n", status.device,
             status.program_id, joined(status.rules.vips),
             status.rules.sources.empty() ? "anybody" : joined(status.rules.sources),
             status.rules.gue_port.value());
  for (const auto& counter : status.counters)
    fmt::print("  {:<20}{:>15}\n", counter.name, counter.packets);
}

nlohmann::ordered_json to_json(const bpf::DecapStatus& status) {
  nlohmann::ordered_json out{{"device", status.device},
                             {"program_id", status.program_id},
                             {"vips", nlohmann::ordered_json::array()},
                             {"sources", nlohmann::ordered_json::array()},
                             {"gue_port", status.rules.gue_port.value()},
                             {"counters", nlohmann::ordered_json::object()}};
  for (const Address& vip : status.rules.vips) out["vips"].push_back(vip.text());
  for (const Prefix& source : status.rules.sources) out["sources"].push_back(source.text());
  for (const auto& counter : status.counters) out["counters"][counter.name] = counter.packets;
  return out;
}

int status(const Arguments& arguments) {
  const std::vector<std::string> devices = arguments.device.empty()
                                               ? bpf::network_devices()
                                               : std::vector<std::string>{arguments.device};
  std::vector<bpf::DecapStatus> found;
  int exit_status = success;
  for (const std::string& device : devices) {
    auto one = bpf::decap_status(device);
    // A device that cannot be read is no reason to hide the others.
    if (!one)
      exit_status = complain(one.error());
    else if (*one)
      found.push_back(std::move(**one));
  }
  if (exit_status == failed && found.empty()) return failed;
  if (found.empty() && !arguments.device.empty())
    return complain({"not attached", "device " + arguments.device, ""});
  if (arguments.json) {
    nlohmann::ordered_json out{{"devices", nlohmann::ordered_json::array()}};
    for (const auto& one : found) out["devices"].push_back(to_json(one));
    fmt::print("{}\n", out.dump(2));
    return exit_status;
  }
  if (found.empty()) fmt::print("not attached to any device\n");
  for (const auto& one : found) print(one);
  return exit_status;
}

void describe_device(CLI::App& command, Arguments& arguments, bool required) {
  command
      .add_option("--device", arguments.device,
                  "the Ethernet interface on which the balancer's packets arrive")
      ->required(required);
}

void describe_attach(CLI::App& command, Arguments& arguments) {
  describe_device(command, arguments, true);
  command.add_option("--vip", arguments.vips, "inner destination to decapsulate for; repeatable")
      ->required()
      ->check(CLI::Validator(check_vip, "ADDRESS"));
  command
      .add_option(
          "--source", arguments.sources,
          "accept tunnels only from these outer sources, the balancers; repeatable. Without "
          "it anybody who reaches this host can inject packets of any inner source")
      ->check(CLI::Validator(check_source, "PREFIX"));
  command
      .add_option("--gue-port", arguments.gue_port,
                  "UDP port of GUE tunnels, the service's gue_port; 6080 without it")
      ->check(CLI::Range(1, 65'535));
}

int run(int argc, char** argv) {
  CLI::App app(
      "Takes the tunnel header off packets that a Sluice balancer sends to this server\n"
      "(forward = \"ipip\", \"gue\" or \"gre\"): IPv4 and IPv6, each inside either. No tunnel "
      "module\n"
      "is needed. Give the VIPs to the loopback interface, so that this host answers for them:\n"
      "  ip address add 203.0.113.10/32 dev lo",
      "sluice-decap");
  app.set_version_flag("--version", SLUICE_VERSION);
  app.require_subcommand(1);
  Arguments arguments;
  auto* attach_command = app.add_subcommand(
      "attach",
      "put the program on the device's tc ingress, where it stays; again: replace its rules, "
      "counters start anew");
  describe_attach(*attach_command, arguments);
  auto* detach_command = app.add_subcommand("detach", "take the program off the device");
  describe_device(*detach_command, arguments, true);
  auto* status_command = app.add_subcommand("status", "rules and packet counters");
  describe_device(*status_command, arguments, false);
  status_command->add_flag("--json", arguments.json, "for programs");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? success : misused;
  }
  if (attach_command->parsed()) return attach(arguments);
  if (detach_command->parsed()) return detach(arguments);
  return status(arguments);
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  try {
    return sluice::run(argc, argv);
  } catch (const std::exception& error) {  // out of memory, or a closed standard output
    std::fprintf(stderr, "sluice-decap: %s\n", error.what());
    return sluice::failed;
  }
}
