#include "core/contract/codec.h"

#include <gtest/gtest.h>

#include "core/contract/message.h"
#include "tests/core/guarded_bytes.h"
#include "tests/core/sample_config.h"

namespace sluice {
namespace {

using test::Bytes;

// Fills any described value with noise; every field is reached because `fields` lists them all.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : random_(seed) {}

  template <typename T>
  void fill(T& value) {
    if constexpr (Described<T>) {
      T::fields(value, [this](std::string_view, auto& field) { fill(field); });
    } else if constexpr (std::is_same_v<T, bool>) {
      value = random_() % 2 == 0;
    } else if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(random_() % 3);
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(random_());
    } else if constexpr (std::is_same_v<T, Address>) {
      value = test::random_address(random_, random_() % 2 == 0 ? Family::ipv4 : Family::ipv6);
    } else if constexpr (std::is_same_v<T, Port>) {
      value = Port(static_cast<std::uint16_t>(random_()));
    } else if constexpr (std::is_same_v<T, MacAddress>) {
      for (std::uint8_t& byte : value.bytes) byte = static_cast<std::uint8_t>(random_());
    } else if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
      value = std::chrono::milliseconds(static_cast<std::int64_t>(random_()));
    } else if constexpr (std::is_same_v<T, std::string>) {
      value.resize(random_() % 20);
      for (char& c : value) c = static_cast<char>(random_());
    } else if constexpr (std::is_same_v<T, AccessItem> || std::is_same_v<T, Prefix>) {
      if (random_() % 2 == 0) value = T::parse("2001:db8::/32").value();
    } else if constexpr (std::is_same_v<T, TunnelSource>) {
      if (random_() % 2 == 0) value.prefix = Prefix{Address::parse("10.0.0.0").value(), 8};
    } else if constexpr (std::is_same_v<T, VipBlock>) {
      const Address address = test::random_address(random_, Family::ipv6);
      value = VipBlock(Prefix::around(address, static_cast<std::uint8_t>(random_() % 129)));
    } else if constexpr (std::is_same_v<T, PortRange>) {
      const auto low = static_cast<std::uint16_t>(1 + random_() % 30'000);
      const auto high = static_cast<std::uint16_t>(low + random_() % 30'000);
      value = random_() % 4 == 0 ? PortRange::any() : PortRange(Port(low), Port(high));
    } else if constexpr (std::is_same_v<T, TunnelDscp>) {
      if (random_() % 2 == 0) value.value = static_cast<std::uint8_t>(random_() % 64);
    } else if constexpr (std::is_same_v<T, QuicServerId>) {
      value.length_bytes = static_cast<std::uint8_t>(random_() % QuicServerId::bytes_max + 1);
      for (std::size_t i = 0; i < value.length_bytes; ++i)
        value.bytes[i] = static_cast<std::uint8_t>(random_());
    } else if constexpr (std::is_same_v<T, QuicLbKey>) {
      if (random_() % 2 == 0) return;
      value.bytes.emplace();
      for (std::uint8_t& byte : *value.bytes) byte = static_cast<std::uint8_t>(random_());
    } else if constexpr (std::is_same_v<T, MssClamp>) {
      if (random_() % 2 == 0) value = MssClamp::parse("1400").value();
    } else {
      value.resize(random_() % 5);
      for (auto& element : value) fill(element);
    }
  }

 private:
  std::mt19937_64 random_;
};

template <typename T>
class Codec : public testing::Test {};
using Messages = testing::Types<Config, Health, Paths, Report>;
TYPED_TEST_SUITE(Codec, Messages);

TYPED_TEST(Codec, RandomValuesRoundTrip) {
  Noise noise(23);
  for (int i = 0; i < 2'000; ++i) {
    TypeParam value;
    noise.fill(value);
    const auto back = decode<TypeParam>(encode(value));
    ASSERT_TRUE(back);
    ASSERT_EQ(*back, value);
  }
}

TYPED_TEST(Codec, DefaultsRoundTrip) {
  EXPECT_EQ(decode<TypeParam>(encode(TypeParam{})), TypeParam{});
}

// Short at every length, and one byte too long: nothing, and no byte outside is read.
TYPED_TEST(Codec, EveryWrongLengthIsRefused) {
  Noise noise(24);
  test::GuardedBytes memory(1 << 16);
  for (int i = 0; i < 20; ++i) {
    TypeParam value;
    noise.fill(value);
    Bytes bytes = encode(value);
    for (std::size_t length = 0; length < bytes.size(); ++length)
      ASSERT_FALSE(decode<TypeParam>(memory.place(std::span(bytes).first(length)))) << length;
    bytes.push_back(0);
    ASSERT_FALSE(decode<TypeParam>(memory.place(bytes)));
  }
}

// Whatever comes out of damaged bytes can be looked at and encoded again to the same bytes.
TYPED_TEST(Codec, DamagedBytesDoNoHarm) {
  std::mt19937_64 random(25);
  Noise noise(26);
  test::GuardedBytes memory(1 << 16);
  for (int i = 0; i < 20'000; ++i) {
    TypeParam value;
    noise.fill(value);
    Bytes bytes = encode(value);
    for (std::uint64_t changes = random() % 4 + 1; changes > 0 && !bytes.empty(); --changes)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 1));
    const auto out = decode<TypeParam>(memory.place(bytes));
    if (!out) continue;
    ASSERT_EQ(encode(*out).size(), bytes.size());
    if constexpr (std::is_same_v<TypeParam, Config>) (void)validate(*out);
  }
}

// The data plane compiles what it decodes; the control plane's validation is not to be relied on.
TEST(CodecConfig, DamagedConfigurationsCompileOrSayWhyNot) {
  std::mt19937_64 random(27);
  Config config = test::sample_config();
  config.services.push_back(test::sample_service({.name = "dns", .forward = Forward::nat}));
  config.services[1].ports = {Port(53)};
  const Bytes good = encode(config);
  std::size_t compiled = 0;
  for (int i = 0; i < 3'000; ++i) {
    Bytes bytes = good;
    bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    const auto out = decode<Config>(bytes);
    if (!out) continue;
    if (out->services.size() < 3 && !out->services.empty() && out->services[0].slots > 100'000)
      continue;  // a valid table of millions of slots: right, and slow
    if (compile(*out, {}, test::paths_for(config), nullptr)) ++compiled;
  }
  EXPECT_GT(compiled, 100U) << "no damaged configuration was ever valid: the test tests nothing";
}

TEST(Decoder, AHugeLengthIsRefusedBeforeMemoryIsAsked) {
  const Bytes bytes{0xff, 0xff, 0xff, 0xff, 1, 2, 3};
  EXPECT_FALSE(decode<std::string>(bytes));
  EXPECT_FALSE(decode<std::vector<std::uint64_t>>(bytes));
  EXPECT_FALSE(decode<std::vector<std::string>>(bytes));
}

TEST(Encoder, ByteLayoutIsLittleEndianWithoutPadding) {
  Health::Entry entry{"ab", "c", TargetState::down};
  EXPECT_EQ(test::hex(encode(entry)), "02 00 00 00 61 62 01 00 00 00 63 02 0a ");
}

}  // namespace
}  // namespace sluice
