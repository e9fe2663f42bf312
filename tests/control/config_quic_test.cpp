#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/config/file.h"
#include "control/config/json.h"
#include "tests/control/sample_file.h"

namespace sluice::control {
namespace {

using test::replaced;
using test::texts;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view secret = "8f95f09245765f80256934e50c66207f";
constexpr std::string_view quic_file = R"([[port]]
name = "wan0"
driver = "af_xdp"
device = "eth1"

[[service]]
name = "h3"
vip = "203.0.113.30"
port = 443
protocol = "udp"

[[service.quic_lb]]
config_id = 0
server_id_length = 3
nonce_length = 4

[[service.quic_lb]]
config_id = 6
server_id_length = 8
nonce_length = 8
key = "8f95f09245765f80256934e50c66207f"
length_self_description = true

[[service.backend]]
name = "h3a"
address = "10.0.1.31"
quic_server_id = ["c4605e", "ed793a51d49b8f5f"]

[[service.backend]]
name = "h3b"
address = "10.0.1.32"
quic_server_id = ["C4605F", "ed793a51d49b8f60"]
)";

TEST(QuicFile, IsRead) {
  const auto file = parse_config(quic_file, "sluice.toml");
  ASSERT_TRUE(file) << texts(file.error());
  const ServiceConfig& service = file->config.services[0];
  ASSERT_EQ(service.quic_lb.size(), 2U);
  EXPECT_EQ(service.quic_lb[0].config_id, 0);
  EXPECT_EQ(service.quic_lb[0].server_id_length, 3);
  EXPECT_EQ(service.quic_lb[0].nonce_length, 4);
  EXPECT_EQ(service.quic_lb[0].key, QuicLbKey{});
  EXPECT_FALSE(service.quic_lb[0].length_self_description);
  EXPECT_EQ(service.quic_lb[1].config_id, 6);
  EXPECT_EQ(service.quic_lb[1].key.secret_text(), secret);
  EXPECT_TRUE(service.quic_lb[1].length_self_description);
  ASSERT_EQ(service.backends[1].quic_server_ids.size(), 2U);
  EXPECT_EQ(service.backends[1].quic_server_ids[0].text(), "c4605f");
}

TEST(QuicFile, AsJsonHidesTheKey) {
  const std::string json = to_json(parse_config(quic_file, "sluice.toml")->config).dump();
  EXPECT_THAT(json, HasSubstr("hidden, check value"));
  EXPECT_THAT(json, HasSubstr("ed793a51d49b8f5f"));
  EXPECT_THAT(json, Not(HasSubstr(secret)));
}

struct BadFile {
  std::string_view from;
  std::string_view to;
  std::string_view what;
  std::string_view remedy;
};

TEST(QuicFile, ComplainsOnceAboutEachMistake) {
  constexpr BadFile bad_files[] = {
      {"config_id = 6", "config_id = 7", "config_id is 7", "number from 0 to 6"},
      {"config_id = 6\n", "", "[[service.quic_lb]] has no config_id", "config_id = 0"},
      {"server_id_length = 8\n", "", "has no server_id_length", "server_id_length = 3"},
      {"server_id_length = 8", "server_id_length = 16", "server_id_length is 16", "1 to 15"},
      {"nonce_length = 8", "nonce_length = \"8\"", "a string (\"8\")", "without quotes"},
      {"nonce_length = 8", "nonce_length = 12", "20 bytes together", "19 or less"},
      {"key = \"8f", "key = \"8g", "key is no 16 bytes (not shown: 32 characters)", "openssl rand"},
      {"key = \"8f", "key = \"", "(not shown: 30 characters)", "32 hexadecimal digits"},
      {"key = \"8f95f09245765f80256934e50c66207f\"", "key = 18", "no string (not shown)", "quotes"},
      {"key = \"8f95f09245765f80256934e50c66207f\"", "key = \"\"", "0 characters", "leave it out"},
      {"\"c4605e\"", "\"c4605\"", "\"c4605\" is no server ID", "two hexadecimal digits"},
      {"\"c4605e\"", "12", "quic_server_id is a number (12)", "\"c4605e\""},
      {"\"c4605e\"", "\"c4605f\"", "is the server ID of backend h3a already", "its own"},
      {"\"c4605e\", ", "", "backend h3a has no quic_server_id of 3 bytes", "\"000000\""},
      {"protocol = \"udp\"\n", "", "protocol is not udp", "protocol = \"udp\""},
      {"protocol = \"udp\"", "protocol = \"upd\"", "\"upd\"", "\"udp\""},
  };
  for (const BadFile& bad : bad_files) {
    const auto file = parse_config(replaced(quic_file, bad.from, bad.to), "sluice.toml");
    ASSERT_FALSE(file) << bad.to;
    ASSERT_EQ(file.error().size(), 1U) << texts(file.error());
    EXPECT_THAT(file.error()[0].what, HasSubstr(bad.what));
    EXPECT_THAT(file.error()[0].remedy, HasSubstr(bad.remedy));
    EXPECT_THAT(file.error()[0].text(), Not(HasSubstr("95f09245765f80256934")));
  }
}

}  // namespace
}  // namespace sluice::control
