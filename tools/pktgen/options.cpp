#include "tools/pktgen/options.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <sched.h>
#include <string>

#include "tools/pktgen/given.h"
#include "tools/pktgen/quantity.h"

namespace sluice::pktgen {
namespace {

constexpr int success = 0;
constexpr int misused = 2;

constexpr const char* duration_form = "a time up to 24h: 10, 1.5s, 500ms, 2m";
constexpr const char* share_form = "a share from 0% to 100%";

std::optional<Rate> parse_rate(std::string_view text) {
  if (text == "max") return Rate();
  const auto pps = parse_count(text);
  if (!pps || *pps == 0 || *pps > rate_pps_max) return std::nullopt;
  return Rate(*pps);
}

std::optional<std::uint64_t> parse_positive(std::string_view text) {
  const auto count = parse_count(text);
  return count && *count != 0 ? count : std::nullopt;
}

std::optional<Protocol> parse_sent_protocol(std::string_view text) {
  const auto protocol = parse_protocol(text);
  return protocol == Protocol::tcp || protocol == Protocol::udp ? protocol : std::nullopt;
}

std::optional<std::vector<DeviceName>> parse_devices(std::string_view text) {
  const auto device = parse_device(text);
  if (!device) return std::nullopt;
  return std::vector<DeviceName>{*device};
}

// "send" or "receive".
std::optional<std::string> parse_half(std::string_view text) {
  if (text != "send" && text != "receive") return std::nullopt;
  return std::string(text);
}

template <typename Number, Number lowest, Number highest>
std::optional<Number> parse_between(std::string_view text) {
  const auto number = parse_count(text);
  if (!number || *number < lowest || *number > highest) return std::nullopt;
  return static_cast<Number>(*number);
}

std::optional<std::vector<std::uint16_t>> parse_cores(std::string_view text) {
  constexpr auto parse_core = parse_between<std::uint16_t, 0, CPU_SETSIZE - 1>;
  const std::size_t comma = text.find(',');
  const auto first = parse_core(text.substr(0, comma));
  if (!first) return std::nullopt;
  if (comma == std::string_view::npos) return std::vector{*first};
  const auto second = parse_core(text.substr(comma + 1));
  if (!second) return std::nullopt;
  return std::vector{*first, *second};
}

// An option whose text `parse` turns into the value; `form` tells how to write it. A list grows by
// each.
template <typename Value, typename Parse>
CLI::Option* add(CLI::App& app, const std::string& name, Value& into, Parse parse,
                 const std::string& form, const std::string& help) {
  const auto take = [&into, parse, name, form](const std::string& text) {
    auto value = parse(text);
    if (!value) throw CLI::ValidationError(name, "\"" + text + "\": write " + form);
    if constexpr (requires { into.insert(into.end(), value->begin(), value->end()); })
      into.insert(into.end(), value->begin(), value->end());
    else
      into = std::move(*value);
  };
  const auto take_all = [take](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) take(text);
  };
  return app.add_option_function<std::vector<std::string>>(name, take_all, help)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::Throw);
}

void describe_ports(CLI::App& app, Given& given) {
  Options& options = given.options;
  add(app, "--port", options.devices, parse_devices,
      "a PCI address (0000:03:00.1) or a device of DPDK (net_null0; for an interface of the kernel "
      "net_af_packet0,iface=eth1 or net_af_xdp0,iface=eth1,busy_budget=0)",
      "PCI address, or device string of DPDK with its\n"
      "arguments; twice: one sends, the other receives")
      ->required()
      ->take_all()
      ->type_name("DEVICE");
  add(app, "--only", given.only, parse_half, "send or receive",
      "one of both; else the port sends and receives")
      ->type_name("send|receive");
  add(app, "--cores", options.cores, parse_cores, "one core (1), or two (1,2)",
      "CPU to poll on, or two: one sends, the other receives;\n"
      "[the last one that may be used]")
      ->type_name("CPU[,CPU]");
}

void describe_traffic(CLI::App& app, Given& given) {
  Traffic& traffic = given.options.traffic;
  add(app, "--to", traffic.targets, parse_targets,
      "ADDRESS:PORT, [ADDRESS]:PORT for IPv6; a block (203.0.113.0/28:80, [2001:db8::/120]:80) and "
      "a range of ports (203.0.113.10:80-89) are all of them, at most 65,536",
      "destination, or all addresses of a block and all ports\n"
      "of a range; repeatable [198.19.0.1:80]")
      ->take_all()
      ->type_name("ADDRESS[/BITS]:PORT[-PORT]");
  add(app, "--from", given.sources, Prefix::parse, "a prefix whose host bits are zero",
      "source addresses, of which 2^20 at most are used\n"
      "[198.18.0.0/16, or 2001:2::/64]")
      ->type_name("PREFIX");
  add(app, "--protocol", traffic.protocol, parse_sent_protocol, "tcp or udp", "[tcp]")
      ->type_name("tcp|udp");
  add(app, "--flows", traffic.flows, parse_positive, "a number like 1000, 64k or 10M",
      "how many flows take turns, in random order [1]")
      ->type_name("COUNT");
  add(app, "--new-flows", traffic.new_flows_ppm, parse_share, share_form,
      "share of packets that are the first of a new flow,\n"
      "with tcp a SYN [0%]")
      ->type_name("SHARE");
  app.add_flag("--open", traffic.opens, "tcp: the first packet of each flow is a SYN");
  traffic.sizes.clear();
  add(app, "--size", traffic.sizes, parse_sizes,
      "imix, or sizes from 64 to 2000 with weights: 64, or 64:7,594:4,1518:1",
      "frame sizes with the check sequence, as RFC 2544\n"
      "counts: imix (7:4:1 of 64, 594 and 1518), or sizes\n"
      "with weights [the smallest possible]")
      ->type_name("SIZE[:WEIGHT][,...]");
  add(app, "--vlan", traffic.vlan, parse_between<std::uint16_t, 1, 4'094>, "1 to 4094",
      "802.1Q tag on each frame")
      ->type_name("ID");
  add(app, "--source-mac", given.options.source_mac, MacAddress::parse, "02:00:00:00:00:01",
      "[the sending port's]")
      ->type_name("MAC");
  add(app, "--destination-mac", given.options.destination_mac, MacAddress::parse,
      "02:00:00:00:00:01", "of the device under test [the receiving port's]")
      ->type_name("MAC");
  add(app, "--stream", traffic.stream, parse_between<std::uint8_t, 0, 255>, "0 to 255",
      "number in the signature: packets of others are\n"
      "foreign [0]")
      ->type_name("NUMBER");
}

void describe_run(CLI::App& app, Given& given) {
  Options& options = given.options;
  add(app, "--rate", given.rate, parse_rate, "packets a second like 1000, 100k or 14.88M, or max",
      "packets a second, or max [100k; in a search, the\n"
      "highest that is tried, max]")
      ->type_name("PPS");
  add(app, "--duration", given.duration, parse_duration, duration_form,
      "how long to send [10s; with --count, 1h at most]")
      ->type_name("TIME");
  add(app, "--count", options.count, parse_positive, "a number like 1000, 64k or 10M",
      "end after so many packets")
      ->type_name("COUNT");
  add(app, "--burst", options.burst, parse_between<std::uint16_t, 1, burst_max>, "1 to 64",
      "packets handed to the port at once, at most [32]")
      ->type_name("COUNT");
  options.drain = std::chrono::milliseconds(500);
  add(app, "--drain", options.drain, parse_duration, duration_form,
      "how long to wait for the last packets [500ms]")
      ->type_name("TIME");
}

void describe_search(CLI::App& app, Given& given) {
  Options& options = given.options;
  app.add_flag("--search", options.search,
               "find the highest rate without loss, by trials\n"
               "(RFC 2544 section 26.1)");
  add(app, "--loss", options.loss_ppm, parse_share, share_form, "that a trial may have [0%]")
      ->type_name("SHARE");
  add(app, "--trial", given.trial, parse_duration, duration_form, "how long each sends [10s]")
      ->type_name("TIME");
  add(app, "--resolution", options.resolution_ppm, parse_share, share_form,
      "how near to the limit to come [1%]")
      ->type_name("SHARE");
}

void describe_output(CLI::App& app, Given& given) {
  app.add_flag("--json", given.options.json, "one object at the end, for programs");
  app.add_flag("--histogram", given.options.histogram, "every bucket of the latencies, too");
}

// By groups; an option belongs to the one that was set before it.
void describe(CLI::App& app, Given& given) {
  app.option_defaults()->group("Ports");
  describe_ports(app, given);
  app.option_defaults()->group("What is sent");
  describe_traffic(app, given);
  app.option_defaults()->group("How");
  describe_run(app, given);
  app.option_defaults()->group("Throughput search");
  describe_search(app, given);
  app.option_defaults()->group("Output");
  describe_output(app, given);
}

}  // namespace

std::expected<Options, int> read_options(int argc, char** argv) {
  CLI::App app(
      "Sends packets by any port of DPDK, receives them again, and says what became of them: "
      "rates,\n"
      "loss, order, latency. Tunnelled packets (IPIP, GRE, GUE) are recognised, too.\n"
      "\n"
      "  sluice-pktgen --port net_ring0 --rate 1M\n"
      "  sluice-pktgen --port 0000:03:00.0 --port 0000:03:00.1 --cores 2,3 --flows 1M \\\n"
      "      --to 203.0.113.10:80 --destination-mac 02:00:00:00:00:01 --search",
      "sluice-pktgen");
  app.set_version_flag("--version", std::string("sluice-pktgen ") + SLUICE_VERSION);
  app.get_formatter()->column_width(34);
  app.get_formatter()->label("REQUIRED", "(required)");
  Given given;
  describe(app, given);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return std::unexpected(app.exit(error) == 0 ? success : misused);
  }
  auto options = settle(std::move(given));
  if (options) return std::move(*options);
  std::fprintf(stderr, "sluice-pktgen: %s\n", options.error().text().c_str());
  return std::unexpected(misused);
}

}  // namespace sluice::pktgen
