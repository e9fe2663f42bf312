#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <sstream>

#include "tests/dataplane/rig.h"

// Runs packets/*.txt (make_golden.py writes them) through the pipeline and compares every byte.
//   GOLDEN_PACKETS  the folder; GOLDEN_OUT  a folder for one pcap per file of what left, or unset

namespace sluice::dataplane {
namespace {

using test::Bytes;

struct GoldenPacket {
  std::string name;
  Bytes in;
  std::string verdict;
  std::optional<Bytes> out;     // none: the packet is not sent
  bool is_after_death = false;  // another backend has taken the place of the first one
};

struct GoldenFile {
  std::map<std::string, std::string> service;
  std::vector<GoldenPacket> packets;
};

Bytes from_hex(std::string_view text) {
  Bytes out;
  for (std::size_t i = 0; i + 2 <= text.size(); i += 2) {
    std::uint8_t byte = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    if (error != std::errc{} || end != text.data() + i + 2)
      throw std::invalid_argument("not hexadecimal: " + std::string(text));
    out.push_back(byte);
  }
  return out;
}

std::map<std::string, std::string> key_values(const std::string& text) {
  std::map<std::string, std::string> out;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) throw std::invalid_argument("no key=value: " + word);
    out[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return out;
}

GoldenFile read_golden(const std::filesystem::path& path) {
  GoldenFile out;
  bool is_after_death = false;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t space = line.find(' ');
    const std::string key = line.substr(0, space);
    const std::string value = line.substr(space + 1);
    if (key == "service")
      out.service = key_values(value);
    else if (key == "packet")
      out.packets.push_back({value, {}, {}, {}, is_after_death});
    else if (key == "death")
      is_after_death = true;
    else if (key == "in")
      out.packets.at(out.packets.size() - 1).in = from_hex(value);
    else if (key == "verdict")
      out.packets.at(out.packets.size() - 1).verdict = value;
    else if (key == "out")
      out.packets.at(out.packets.size() - 1).out = from_hex(value);
    else
      throw std::invalid_argument(path.string() + ": unknown line: " + line);
  }
  return out;
}

// What differs from the defaults, under the keys of the configuration file.
void set_options(ServiceConfig& out, const std::map<std::string, std::string>& service) {
  for (const auto& [key, value] : service) {
    if (key == "proxy_protocol") out.proxy_protocol = parse_spelling<ProxyProtocol>(value).value();
    if (key == "gue_variant") out.gue_variant = static_cast<std::uint8_t>(std::stoi(value));
    if (key == "gue_port") out.gue_port = Port::parse(value).value();
    if (key == "tunnel_source") out.tunnel_source = TunnelSource::parse(value).value();
    if (key == "tunnel_ttl") out.tunnel_ttl = static_cast<std::uint8_t>(std::stoi(value));
    if (key == "on_death") out.on_death = parse_spelling<OnDeath>(value).value();
    if (key == "l3dsr_dscp") out.l3dsr_dscp = static_cast<std::uint8_t>(std::stoi(value));
    if (key == "mss_clamp") out.mss_clamp = MssClamp::parse(value).value();
    if (key == "tunnel_dscp") out.tunnel_dscp = TunnelDscp::parse(value).value();
  }
}

// `before`: the snapshot whose backend has died.
Snapshot snapshot_of(const std::map<std::string, std::string>& service,
                     const Snapshot* before = nullptr) {
  const auto family = [&](const char* key) {
    return service.at(key) == "ipv4" ? Family::ipv4 : Family::ipv6;
  };
  const auto forward = parse_spelling<Forward>(service.at("forward"));
  const auto protocol = parse_spelling<Protocol>(service.at("protocol"));
  if (!forward || !protocol) throw std::invalid_argument("unknown forward or protocol");
  Config config = test::sample_config({.forward = *forward,
                                       .vip_family = family("vip"),
                                       .backend_family = family("backend"),
                                       .protocol = *protocol,
                                       .backends = 1});
  if (*protocol == Protocol::any) config.services[0].ports.clear();
  set_options(config.services[0], service);
  for (BackendConfig& backend : config.services[0].backends)  // one, or none with `local`
    if (before != nullptr) backend.name = "heir";
  return test::compiled(config, {}, before,
                        static_cast<std::uint16_t>(std::stoi(service.at("mtu"))));
}

// The classic format: no time stamps, microseconds, Ethernet.
void write_pcap(const std::filesystem::path& path, const std::vector<Bytes>& frames) {
  std::ofstream file(path, std::ios::binary);
  const auto put = [&](std::initializer_list<std::uint32_t> words) {
    for (const std::uint32_t word : words)
      file.write(reinterpret_cast<const char*>(&word), sizeof word);
  };
  put({0xa1b2c3d4, 0x00040002, 0, 0, 65'535, 1});
  for (const Bytes& frame : frames) {
    const auto length = static_cast<std::uint32_t>(frame.size());
    put({0, 0, length, length});
    file.write(reinterpret_cast<const char*>(frame.data()), length);
  }
}

std::vector<std::filesystem::path> golden_files() {
  std::vector<std::filesystem::path> out;
  const char* folder = std::getenv("GOLDEN_PACKETS");
  if (folder == nullptr) return out;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".txt") out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

class Golden : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Golden, PacketsLeaveByteForByteAsWritten) {
  const GoldenFile golden = read_golden(GetParam());
  ASSERT_FALSE(golden.packets.empty());
  const Snapshot before = snapshot_of(golden.service);
  const Snapshot after = snapshot_of(golden.service, &before);
  Rig rig;
  std::vector<Bytes> sent;
  for (const GoldenPacket& packet : golden.packets) {
    SCOPED_TRACE("packet " + packet.name);
    const Outcome out = rig.send(packet.is_after_death ? after : before, packet.in);
    EXPECT_EQ(out.name(), packet.verdict);
    EXPECT_EQ(exit_of(out.verdict) == Exit::transmit, packet.out.has_value());
    if (!packet.out) {
      EXPECT_EQ(test::hex(out.frame), test::hex(packet.in)) << "changed and not sent";
      continue;
    }
    EXPECT_EQ(test::hex(out.frame), test::hex(*packet.out));
    EXPECT_EQ(test::wrong_checksums(out.frame), "");
    sent.push_back(out.frame);
  }
  if (const char* folder = std::getenv("GOLDEN_OUT"))
    write_pcap(std::filesystem::path(folder) / (GetParam().stem().string() + ".pcap"), sent);
}

INSTANTIATE_TEST_SUITE_P(Packets, Golden, testing::ValuesIn(golden_files()),
                         [](const auto& file) { return file.param.stem().string(); });

TEST(GoldenFolder, HasFiles) {
  EXPECT_GE(golden_files().size(), 20U) << "set GOLDEN_PACKETS to tests/golden/packets";
}

}  // namespace
}  // namespace sluice::dataplane
