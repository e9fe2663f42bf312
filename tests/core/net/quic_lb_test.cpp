#include "core/net/quic_lb.h"

#include <gtest/gtest.h>
#include <random>

#include "tests/core/frames.h"
#include "tests/core/guarded_bytes.h"

namespace sluice {
namespace {

using test::Bytes;

Bytes bytes(std::string_view hex) {
  Bytes out;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    out.push_back(
        static_cast<std::uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

struct Vector {
  std::uint8_t config_id;
  const char* key;
  const char* server_id;
  const char* nonce;
  const char* connection_id;
  bool tells_length = true;
};

constexpr const char* draft_key = "8f95f09245765f80256934e50c66207f";

// draft-ietf-quic-load-balancers-21, appendix B, two of which are misprinted there. The second ID
// says length 0 in its first octet, and its server ID and nonce are printed half a byte off
// (350d28b420 and 3487d970b, which is no whole number of bytes); they are here as the ID has them.
// The last one is printed as configuration 3, but its first octet says 0, as do the tests of the
// draft's authors (google/quiche, quic/load_balancer/load_balancer_decoder_test.cc, which has the
// four encrypted ones).
constexpr Vector draft_vectors[] = {
    {0, "", "c4605e", "4504cc4f", "07c4605e4504cc4f"},
    {1, "", "a350d28b42", "03487d970b", "20a350d28b4203487d970b", false},
    {0, draft_key, "ed793a", "ee080dbf", "0720b1d07b359d3c"},
    {1, draft_key, "ed793a51d49b8f5fab65", "ee080dbf48", "2fcc381bc74cb4fbad2823a3d1f8fed2"},
    {2, draft_key, "ed793a51d49b8f5f", "ee080dbf48c0d1e5", "504dd2d05a7b0de9b2b9907afb5ecf8cc3"},
    {0, draft_key, "ed793a51d49b8f5fab", "ee080dbf48c0d1e55d",
     "125779c9cc86beb3a3a4a3ca96fce4bfe0cdbc"},
};
// The worked example of section 5.4.2.4.
constexpr Vector worked_example = {0, "fdf726a9893ec05c0632d3956680baf0", "31441a", "9c69c275",
                                   "0767947d29be054a"};
// Further ones of load_balancer_decoder_test.cc: in the clear, 8 bytes and 5.
constexpr Vector quiche_vector = {1, "", "ed793a51d49b8f5f", "ee15da27c4",
                                  "2ded793a51d49b8f5fee15da27c4"};

QuicLbConfig config_of(const Vector& vector) {
  QuicLbConfig config;
  config.config_id = vector.config_id;
  config.server_id_length =
      static_cast<std::uint8_t>(std::string_view(vector.server_id).size() / 2);
  config.nonce_length = static_cast<std::uint8_t>(std::string_view(vector.nonce).size() / 2);
  config.key = QuicLbKey::parse(vector.key).value();
  config.length_self_description = vector.tells_length;
  return config;
}

void expect_both_ways(const Vector& vector) {
  SCOPED_TRACE(vector.connection_id);
  const QuicLbCodec codec(config_of(vector));
  const Bytes id = bytes(vector.connection_id);
  for (const bool is_long : {true, false}) {
    const auto decoded = codec.decode({.is_long = is_long, .connection_id = id});
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->text(), vector.server_id);
  }
  const auto encoded =
      codec.encode(QuicServerId::parse(vector.server_id).value(), bytes(vector.nonce), 0);
  EXPECT_EQ(test::hex(encoded.view()), test::hex(id));
}

TEST(QuicLb, DecodesAndEncodesTheDraftsVectors) {
  for (const Vector& vector : draft_vectors) expect_both_ways(vector);
  expect_both_ways(worked_example);
  expect_both_ways(quiche_vector);
}

std::vector<std::uint8_t> random_bytes(std::mt19937_64& random, std::size_t count) {
  std::vector<std::uint8_t> out(count);
  for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random());
  return out;
}

QuicServerId random_server_id(std::mt19937_64& random, std::uint8_t length) {
  QuicServerId out;
  out.length_bytes = length;
  std::ranges::copy(random_bytes(random, length), out.bytes.begin());
  return out;
}

// Every configuration that there can be: lengths, with and without a key.
template <typename Visit>
void for_each_config(std::mt19937_64& random, Visit&& visit) {
  for (std::uint8_t server = 1; server <= QuicServerId::bytes_max; ++server)
    for (std::uint8_t nonce = 4; server + nonce <= QuicLbConfig::together_bytes_max; ++nonce)
      for (const bool has_key : {false, true}) {
        QuicLbConfig config;
        config.config_id = static_cast<std::uint8_t>(random() % 7);
        config.server_id_length = server;
        config.nonce_length = nonce;
        config.length_self_description = random() % 2 == 0;
        if (has_key) {
          config.key.bytes.emplace();
          std::ranges::copy(random_bytes(random, 16), config.key.bytes->begin());
        }
        visit(config);
      }
}

TEST(QuicLb, DecodesWhatItEncodesWithEveryConfiguration) {
  std::mt19937_64 random(0x1b);
  for_each_config(random, [&](const QuicLbConfig& config) {
    const QuicLbCodec codec(config);
    for (int i = 0; i < 20; ++i) {
      const QuicServerId id = random_server_id(random, config.server_id_length);
      const auto cid = codec.encode(id, random_bytes(random, config.nonce_length),
                                    static_cast<std::uint8_t>(random()));
      ASSERT_EQ(cid.length_bytes, 1 + config.server_id_length + config.nonce_length);
      ASSERT_EQ(quic_lb_config_of(cid.bytes[0]), config.config_id);
      ASSERT_EQ(codec.decode({.is_long = true, .connection_id = cid.view()}), id);
      // The rest of a packet with a short header follows the ID.
      ASSERT_EQ(codec.decode({.is_long = false, .connection_id = cid.bytes}), id);
    }
  });
}

TEST(QuicLb, AnEncryptedServerIdDependsOnTheNonce) {
  std::mt19937_64 random(0x2b);
  for_each_config(random, [&](const QuicLbConfig& config) {
    const QuicLbCodec codec(config);
    const QuicServerId id = random_server_id(random, config.server_id_length);
    const auto head = [&] {
      const auto cid = codec.encode(id, random_bytes(random, config.nonce_length), 0);
      return Bytes(cid.bytes.begin() + 1, cid.bytes.begin() + 1 + config.server_id_length);
    };
    const Bytes first = head();
    bool same = true;
    for (int i = 0; i < 8; ++i) same = head() == first && same;
    EXPECT_NE(same, config.key.bytes.has_value());
  });
}

TEST(QuicLb, RefusesWhatIsOfNoServer) {
  QuicLbConfig config;
  config.config_id = 5;
  config.server_id_length = 3;
  config.nonce_length = 4;
  Bytes id = bytes("a7c4605e4504cc4f");  // 101 00111
  const auto decodes = [&](bool is_long) {
    return QuicLbCodec(config).decode({.is_long = is_long, .connection_id = id}).has_value();
  };
  EXPECT_TRUE(decodes(true));
  EXPECT_TRUE(decodes(false));
  id[0] = 0xe7;  // the unroutable configuration
  EXPECT_FALSE(decodes(true));
  id[0] = 0x87;  // another one
  EXPECT_FALSE(decodes(true));
  id[0] = 0xa0;  // filler, unless all servers tell the length
  EXPECT_TRUE(decodes(true));
  config.length_self_description = true;
  EXPECT_FALSE(decodes(true));
  EXPECT_FALSE(decodes(false));
  id[0] = 0xa8;  // a byte more for the server's own use: may be so behind a short header
  EXPECT_FALSE(decodes(true));
  EXPECT_TRUE(decodes(false));
  id.push_back(0);
  EXPECT_TRUE(decodes(true));
  id = bytes("a7c4605e4504cc");
  EXPECT_FALSE(decodes(true));
  EXPECT_FALSE(decodes(false));
  id.clear();
  EXPECT_FALSE(decodes(true));
}

TEST(QuicLb, ReadsAnythingAndNothingBeyondIt) {
  std::mt19937_64 random(0x3b);
  test::GuardedBytes memory(32);
  for_each_config(random, [&](const QuicLbConfig& config) {
    const QuicLbCodec codec(config);
    for (int i = 0; i < 200; ++i) {
      const auto id = memory.place(random_bytes(random, random() % 24));
      const auto server = codec.decode({.is_long = random() % 2 == 0, .connection_id = id});
      ASSERT_TRUE(!server || server->length_bytes == config.server_id_length);
    }
  });
}

TEST(QuicServerId, IsHexadecimalDigits) {
  EXPECT_EQ(QuicServerId::parse("C4605e")->text(), "c4605e");
  EXPECT_EQ(QuicServerId::parse("00")->length_bytes, 1);
  EXPECT_NE(QuicServerId::parse("00"), QuicServerId::parse("0000"));
  EXPECT_TRUE(QuicServerId::parse(std::string(30, 'a')));
  for (const char* text : {"", "c", "c46", "0x12", "zz", "c4 60", "c4605e "})
    EXPECT_FALSE(QuicServerId::parse(text)) << text;
  EXPECT_FALSE(QuicServerId::parse(std::string(32, 'a')));
}

TEST(QuicLbKey, HidesItself) {
  const auto key = QuicLbKey::parse(draft_key);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->secret_text(), draft_key);
  EXPECT_EQ(QuicLbKey::parse(key->secret_text()), key);
  EXPECT_EQ(key->text().find(draft_key), std::string::npos);
  EXPECT_EQ(key->text().substr(0, 20), "hidden, check value ");
  EXPECT_EQ(key->text().size(), 26U);
  EXPECT_NE(key->text(), QuicLbKey::parse("8f95f09245765f80256934e50c66207e")->text());
  EXPECT_EQ(QuicLbKey{}.text(), "none");
  EXPECT_EQ(QuicLbKey::parse(""), QuicLbKey{});
  EXPECT_FALSE(QuicLbKey::parse("8f95f09245765f80256934e50c66207"));
  EXPECT_FALSE(QuicLbKey::parse("8f95f09245765f80256934e50c66207g"));
  EXPECT_FALSE(QuicLbKey::parse("8f95f09245765f80256934e50c66207f00"));
}

}  // namespace
}  // namespace sluice
