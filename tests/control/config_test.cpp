#include <algorithm>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <set>

#include "control/config/duration.h"
#include "control/config/file.h"
#include "control/config/json.h"
#include "control/config/spelling.h"
#include "tests/control/sample_file.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;
using test::good_file;
using test::replaced;
using test::texts;
using ::testing::HasSubstr;

Address address(std::string_view text) { return Address::parse(text).value(); }

BackendConfig backend(std::string name, std::string_view ip) {
  BackendConfig out;
  out.name = std::move(name);
  out.address = address(ip);
  return out;
}

ServiceConfig good_web() {
  ServiceConfig out;
  out.name = "web";
  out.vips = {address("203.0.113.10"), address("2001:db8::10")};
  out.ports = {Port(80), Port(443)};
  out.idle_timeout = 15min;
  out.slow_start = 30s;
  out.on_death = OnDeath::reset;
  out.health.type = ProbeType::http;
  out.health.port = Port(8080);
  out.health.path = "/healthz";
  out.health.host = "www.example.org";
  out.backends = {backend("web1", "10.0.1.11"), backend("web2", "2001:db8:1::12")};
  out.backends[0].weight = 10;
  out.backends[1].drain = true;
  return out;
}

ServiceConfig good_dns() {
  ServiceConfig out;
  out.name = "dns";
  out.vips = {address("203.0.113.53")};
  out.ports = {Port(53)};
  out.protocol = Protocol::udp;
  out.forward = Forward::nat;
  out.source_pool = {address("10.0.1.2"), address("10.0.1.3")};
  out.health.type = ProbeType::tcp;
  out.health.status_min = out.health.status_max = 204;
  out.backends = {backend("dns1", "10.0.1.53")};
  out.backends[0].port = Port(5353);
  return out;
}

Config good_config() {
  Config out;
  out.dataplane = {.cores = {1, 2},
                   .idle = Idle::sleep,
                   .hugepages = Hugepages::on,
                   .memory_mib = 512,
                   .flows_max = 2'000'000,
                   .hash_seed = 42};
  out.ports = {
      {.name = "wan0", .driver = Driver::af_xdp, .device = "eth1", .queues = 2},
      {.name = "lan0", .driver = Driver::pci, .device = "0000:01:00.0", .kernel_tap = true}};
  out.services = {good_web(), good_dns()};
  return out;
}

TEST(ConfigFile, ReadsEveryKey) {
  const auto file = parse_config(good_file, "sluice.toml");
  ASSERT_TRUE(file) << texts(file.error());
  EXPECT_EQ(file->config, good_config());
  EXPECT_EQ(file->text, good_file);
}

TEST(ConfigFile, TakesTheOtherSpellings) {
  auto text = replaced(good_file, "hugepages = \"on\"", "hugepages = false");
  text = replaced(text, "\"512 MiB\"", "\"1 GiB\"");
  text = replaced(text, "\"15m\"", "\"2 h\"");
  text = replaced(text, "[1, 2]", "3");
  text = replaced(text, "\"200-399\"", "\"204\"");
  const auto file = parse_config(text, "sluice.toml");
  ASSERT_TRUE(file) << texts(file.error());
  EXPECT_EQ(file->config.dataplane.hugepages, Hugepages::off);
  EXPECT_EQ(file->config.dataplane.memory_mib, 1024U);
  EXPECT_EQ(file->config.services[0].idle_timeout, 2h);
  EXPECT_EQ(file->config.dataplane.cores, std::vector<std::uint16_t>{3});
  EXPECT_EQ(file->config.services[0].health.status_min, 204);
  EXPECT_EQ(file->config.services[0].health.status_max, 204);
}

TEST(ConfigFile, ReadsTheKeysOfTunnels) {
  const auto text = replaced(good_file, "\"ipip\"",
                             "\"gue\"\ngue_variant = 0\ngue_port = 6081\ntunnel_ttl = 9\n"
                             "tunnel_source = \"198.18.0.0/16\"\ntunnel_dscp = 46");
  const auto file = parse_config(replaced(text, "\"2001:db8:1::12\"", "\"10.0.1.12\""), "x");
  ASSERT_TRUE(file) << texts(file.error());
  const ServiceConfig& web = file->config.services[0];
  EXPECT_EQ(web.forward, Forward::gue);
  EXPECT_EQ(web.gue_variant, 0);
  EXPECT_EQ(web.gue_port, Port(6'081));
  EXPECT_EQ(web.tunnel_ttl, 9);
  const auto json = to_json(web);
  EXPECT_EQ(json["tunnel_source"], "198.18.0.0/16");
  EXPECT_EQ(json["tunnel_dscp"], "46");
  EXPECT_EQ(to_json(good_config())["service"][0]["tunnel_source"], "route");
}

TEST(ConfigFile, ReadsTheSizesOfPackets) {
  const std::pair<const char*, const char*> clamps[] = {
      {"\"auto\"", "auto"}, {"\"off\"", "off"}, {"1400", "1400"}};
  for (const auto& [written, text] : clamps) {
    const auto file =
        parse_config(replaced(good_file, "\"ipip\"",
                              "\"ipip\"\nmtu = 1400\nmss_clamp = " + std::string(written)),
                     "x");
    ASSERT_TRUE(file) << texts(file.error());
    const auto json = to_json(file->config.services[0]);
    EXPECT_EQ(json["mtu"], 1'400);
    EXPECT_EQ(json["mss_clamp"], text);
  }
}

TEST(ConfigFile, ReadsTheKeysOfChoosing) {
  const auto text = replaced(good_file, "balance = \"maglev\"\nslots = 65537",
                             "balance = \"rendezvous\"\nhash = \"source\"\n"
                             "affinity = { timeout = \"10m\", netmask4 = 24, netmask6 = 64 }");
  const auto file =
      parse_config(replaced(text, "weight = 10", "weight = 10\nmax_connections = 500"), "x");
  ASSERT_TRUE(file) << texts(file.error());
  const ServiceConfig& web = file->config.services[0];
  EXPECT_EQ(web.balance, Balance::rendezvous);
  EXPECT_EQ(web.slots, 1'048'576U) << "the policy's default";
  EXPECT_EQ(web.hash, HashOf::source);
  EXPECT_EQ(web.affinity, (AffinityConfig{.timeout = 10min, .netmask4 = 24, .netmask6 = 64}));
  EXPECT_EQ(web.backends[0].max_connections, 500U);
  const auto json = to_json(web);
  EXPECT_EQ(json["balance"], "rendezvous");
  EXPECT_EQ(json["hash"], "source");
  EXPECT_EQ(json["affinity"]["timeout"], "10m");
  EXPECT_EQ(file->config.services[1].slots, 65'537U);
}

TEST(ConfigFile, ReadsOnePacket) {
  auto text = replaced(good_file, "\"tcp\"\nforward", "\"udp\"\nforward");
  text = replaced(text, "on_death = \"reset\"\n", "");
  text = replaced(text, "\"maglev\"\nslots = 65537", "\"weighted_round_robin\"\none_packet = true");
  const auto file = parse_config(text, "x");
  ASSERT_TRUE(file) << texts(file.error());
  EXPECT_TRUE(file->config.services[0].one_packet);
  EXPECT_EQ(file->config.services[0].balance, Balance::weighted_round_robin);
}

TEST(ConfigFile, ItsJsonUsesTheOperatorsWords) {
  const auto json = to_json(good_config());
  EXPECT_EQ(json["dataplane"]["hugepages"], "on");
  EXPECT_EQ(json["port"][1]["kernel_tap"], true);
  EXPECT_EQ(json["service"][0]["vip"], (std::vector<std::string>{"203.0.113.10", "2001:db8::10"}));
  EXPECT_EQ(json["service"][0]["port"], (std::vector<int>{80, 443}));
  EXPECT_EQ(json["service"][0]["idle_timeout"], "15m");
  EXPECT_EQ(json["service"][0]["health"]["timeout"], "500ms");
  EXPECT_EQ(json["service"][1]["forward"], "nat");
  EXPECT_EQ(json["service"][1]["backend"][0]["address"], "10.0.1.53");
}

TEST(ConfigFile, SaysWhereAsEditorsDo) {
  const FileError error{"sluice.toml", 12, 9, "unknown key \"adress\"",
                        "did you mean \"address\"?"};
  EXPECT_EQ(error.text(), "sluice.toml:12:9: unknown key \"adress\": did you mean \"address\"?");
}

TEST(ConfigFile, CountsColumnsInCharacters) {
  const auto file = parse_config("port = [{ name = \"é\", drvier = \"tap\" }]", "f");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().back().column, 23U) << texts(file.error());
}

TEST(ConfigFile, GivesAllErrorsInOrderOfLine) {
  auto text = replaced(good_file, "\"10.0.1.53\"", "\"10.0.1\"");
  text = replaced(text, "queues = 2", "queues = 0");
  text = replaced(text, "name = \"web2\"", "name = \"web1\"");
  text = replaced(text, "balance", "blance");
  const auto file = parse_config(text, "f");
  ASSERT_FALSE(file);
  std::vector<std::uint32_t> lines;
  for (const FileError& error : file.error()) lines.push_back(error.line);
  EXPECT_EQ(lines, (std::vector<std::uint32_t>{14, 28, 41, 59})) << texts(file.error());
}

TEST(ConfigFile, GivesAThousandErrorsAndTheNumberOfTheRest) {
  std::string text(good_file);
  for (int i = 0; i < 1'234; ++i) text += "colour" + std::to_string(i) + " = 1\n";
  const auto file = parse_config(text, "f");
  ASSERT_FALSE(file);
  ASSERT_EQ(file.error().size(), 1'001U);
  EXPECT_THAT(file.error().back().what, HasSubstr("234 more"));
}

TEST(ConfigFile, AnEmptyOneHasNoPort) {
  const auto file = parse_config("", "f");
  ASSERT_FALSE(file);
  ASSERT_EQ(file.error().size(), 1U);
  EXPECT_EQ(file.error().front().text(),
            "f:1:1: there is no [[port]]: add one: [[port]] name, driver and device");
}

// What would end the process inside toml++.
TEST(ConfigFile, SurvivesWhatItsLibraryDoesNot) {
  std::string dots = "a";
  for (int i = 0; i < 1'000'000; ++i) dots += ".a";
  std::string lists;
  for (int i = 0; i < 200; ++i) {
    lists += "a = [{";
    for (int j = 0; j < 60; ++j) lists += "a.";
  }
  for (const std::string& text : {dots + " = 1\n",
                                  "[" + dots + "]\n",
                                  "a = " + std::string(100'000, '['),
                                  lists,
                                  "x = \"\"\"\n" + dots + "\"\"\"\n" + dots + " = 1",
                                  "x = \"\"\"a\"\"\"\"\n" + dots + " = 1\n\"",
                                  "x = '''a'''''\n" + dots + " = 1\n'",
                                  std::string("[=]"),
                                  std::string("[[\n"),
                                  std::string("[#]"),
                                  std::string("[é]"),
                                  std::string("x = [\n1]\n[.]"),
                                  std::string("é = 1"),
                                  std::string("x = 2026-01-31 # 1"),
                                  std::string("x = \"\\é\""),
                                  std::string("x = \"\"\"\\ \n é\"\"\""),
                                  std::string("x = [}"),
                                  std::string("x = [1, # \n }"),
                                  std::string("x = \v1"),
                                  std::string("x = 1\u00a0\n")})
    EXPECT_FALSE(parse_config(text, "f")) << shortened(text, 100);
}

// Lines that look like the above and are not.
TEST(ConfigFile, RefusesNothingThatIsRight) {
  const std::string text = "\xef\xbb\xbf# é [=] \n" + std::string(100, '#') +
                           std::string(100, '.') + "\n [ \"prot\" ]\nx = [\n[1]]\n";
  const auto file = parse_config(text, "f");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().front().what, "unknown key \"prot\"") << texts(file.error());
  const auto commented = parse_config(std::string(good_file) + "# é“”[=]\n \t# '\"\"\"\n", "f");
  EXPECT_TRUE(commented) << texts(commented.error());
}

// The good file with up to six places changed: erased, written into, copied to, or one byte.
class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  [[nodiscard]] std::string mutate(std::string text) {
    for (std::size_t changes = 1 + below(6); changes > 0; --changes) change(text);
    return text;
  }

 private:
  static constexpr std::string_view words[] = {"[",
                                               "]]",
                                               "{",
                                               "}",
                                               "=",
                                               ",",
                                               "\"",
                                               "\n",
                                               ".",
                                               "#",
                                               "'''",
                                               "\"\"\"",
                                               "\\",
                                               "0",
                                               "-1",
                                               "1e9",
                                               "0x",
                                               "nan",
                                               "1979-05-27",
                                               "T07:32:00Z",
                                               "true",
                                               "\x01",
                                               "\xff",
                                               "é",
                                               "inf",
                                               "[[port]]",
                                               "name = \"web\"",
                                               "vip",
                                               "[service.health]\n",
                                               "99999999999"};

  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }
  void change(std::string& text) {
    if (text.empty()) text = "\n";
    const std::size_t at = below(text.size());
    const std::size_t length = std::min(below(12), text.size() - at);
    switch (below(4)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, words[below(std::size(words))]);
        break;
      case 2:
        text.insert(at, text.substr(below(text.size()), length));
        break;
      default:
        text[at] = static_cast<char>(below(256));
    }
  }

  std::mt19937 random_;
};

void expect_good_messages(const std::vector<FileError>& errors, std::string_view text) {
  const auto lines = 2 + static_cast<std::uint32_t>(std::ranges::count(text, '\n'));
  std::set<std::string> seen;
  EXPECT_FALSE(errors.empty()) << text;
  for (const FileError& error : errors) {
    EXPECT_TRUE(error.line >= 1 && error.line <= lines && error.column >= 1) << error.text();
    EXPECT_FALSE(error.what.empty() || error.remedy.empty()) << error.text();
    EXPECT_TRUE(seen.insert(error.text()).second) << "twice: " << error.text();
  }
}

// Always a Config, or what is wrong with it at a place in the file.
TEST(ConfigFile, NeverFailsOnMutations) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Mutator mutator(seed);
  for (int round = 0; round < 20'000 && !HasFailure(); ++round) {
    const std::string text = mutator.mutate(std::string(good_file));
    const auto file = parse_config(text, "f");
    if (file)
      EXPECT_TRUE(validate(file->config).empty());
    else
      expect_good_messages(file.error(), text);
  }
}

TEST(ConfigFile, HasAKeyForEveryFieldOfTheConfig) {
  // Under another name, or two fields in one key.
  const std::set<std::string, std::less<>> renamed = {"memory_mib", "status_min", "status_max"};
  const auto check = [&](std::string_view table, std::string_view name) {
    if (renamed.contains(name)) return;
    const std::string text = std::string(table) + "\n" + std::string(name) + " = 1979-05-27\n";
    const auto file = parse_config(text, "f");
    ASSERT_FALSE(file);
    EXPECT_THAT(texts(file.error()), Not(HasSubstr("unknown key"))) << text;
  };
  const auto fields = [&](std::string_view table, auto value) {
    decltype(value)::fields(value, [&](std::string_view name, auto&) { check(table, name); });
  };
  fields("[dataplane]", DataplaneConfig{});
  fields("[[port]]", PortConfig{});
  fields("[[service]]", ServiceConfig{});
  fields("[[service]]\n[service.health]", HealthConfig{});
  fields("[access]", AccessConfig{});
  fields("[[prefix_list]]", PrefixListConfig{});
  fields("[[service]]\n[[service.backend]]", BackendConfig{});
}

TEST(ConfigFile, TheExamplesOfTheDocumentationAreGood) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SLUICE_EXAMPLES)) {
    const auto text = read_file(entry.path().string());
    ASSERT_TRUE(text) << text.error().text();
    const auto file = parse_config(*text, entry.path().string());
    EXPECT_TRUE(file) << texts(file.error());
    ++count;
  }
  EXPECT_GE(count, 3U);
}

TEST(Spelling, MeasuresEdits) {
  EXPECT_EQ(edit_distance("address", "address"), 0U);
  EXPECT_EQ(edit_distance("adress", "address"), 1U);
  EXPECT_EQ(edit_distance("wieght", "weight"), 1U);
  EXPECT_EQ(edit_distance("UDP", "udp"), 0U);
  EXPECT_EQ(edit_distance("", "vip"), 3U);
  EXPECT_EQ(edit_distance("nat", ""), 3U);
}

TEST(Duration, ReadsAndPrints) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("15 m"), 15min);
  EXPECT_EQ(parse_duration("8h"), 8h);
  for (const auto* text :
       {"", "s", "1", "-1s", "1.5s", "1s ", " 1s", "1  s", "1d", "8761h", "0x1s"})
    EXPECT_FALSE(parse_duration(text)) << text;
  for (const auto* text : {"0s", "90s", "15m", "1500ms", "24h"})
    EXPECT_EQ(duration_text(parse_duration(text).value()), text);
}

}  // namespace
}  // namespace sluice::control
