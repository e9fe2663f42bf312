#include <functional>
#include <gtest/gtest.h>

#include "core/config/diff.h"
#include "core/contract/codec.h"
#include "tests/core/sample_config.h"

namespace sluice {
namespace {

constexpr const char* secret = "8f95f09245765f80256934e50c66207f";

QuicLbConfig lb_config(std::uint8_t id, std::uint8_t server_id_length, std::uint8_t nonce_length,
                       const char* key = "") {
  QuicLbConfig out;
  out.config_id = id;
  out.server_id_length = server_id_length;
  out.nonce_length = nonce_length;
  out.key = QuicLbKey::parse(key).value();
  return out;
}

// Three backends, and two configurations: server IDs of 3 bytes in the clear, of 8 encrypted.
Config good_config() {
  Config config = test::sample_config({.protocol = Protocol::udp});
  ServiceConfig& service = config.services[0];
  service.quic_lb = {lb_config(0, 3, 4), lb_config(6, 8, 8, secret)};
  for (std::size_t i = 0; i < service.backends.size(); ++i) {
    QuicServerId small = QuicServerId::parse("c46000").value();
    QuicServerId large = QuicServerId::parse("ed793a51d49b8f00").value();
    small.bytes[2] = large.bytes[7] = static_cast<std::uint8_t>(i);
    service.backends[i].quic_server_ids = {small, large};
  }
  return config;
}

struct Mistake {
  const char* path;  // of the one error that it must cause, below the service
  const char* what;
  std::function<void(ServiceConfig&)> make;
};

TEST(ValidateQuic, AcceptsWhatIsRight) {
  EXPECT_TRUE(validate(good_config()).empty());
  Config config = good_config();
  ServiceConfig& service = config.services[0];
  service.quic_lb = {};
  for (std::uint8_t id = 0; id <= 6; ++id) service.quic_lb.push_back(lb_config(id, 8, 11, secret));
  for (BackendConfig& backend : service.backends)
    backend.quic_server_ids.erase(backend.quic_server_ids.begin());
  EXPECT_TRUE(validate(config).empty());
}

TEST(ValidateQuic, NamesEachMistake) {
  const Mistake mistakes[] = {
      {"quic_lb", "protocol is not udp", [](auto& s) { s.protocol = Protocol::tcp; }},
      {"quic_lb[1].config_id", "config_id is 7", [](auto& s) { s.quic_lb[1].config_id = 7; }},
      {"quic_lb[1].config_id", "config_id is 200", [](auto& s) { s.quic_lb[1].config_id = 200; }},
      {"quic_lb[1].config_id", "two quic_lb", [](auto& s) { s.quic_lb[1].config_id = 0; }},
      {"quic_lb[1].nonce_length", "nonce_length is 3",
       [](auto& s) { s.quic_lb[1].nonce_length = 3; }},
      {"quic_lb[1].nonce_length", "nonce_length is 19",
       [](auto& s) { s.quic_lb[1].nonce_length = 19; }},
      {"quic_lb[1].nonce_length", "20 bytes together",
       [](auto& s) { s.quic_lb[1].nonce_length = 12; }},
      {"quic_lb[1].server_id_length", "in the clear in another",
       [](auto& s) {
         s.quic_lb[1].key = {};
         s.quic_lb.push_back(lb_config(3, 8, 8, secret));
         s.quic_lb.erase(s.quic_lb.begin());
         for (auto& backend : s.backends)
           backend.quic_server_ids.erase(backend.quic_server_ids.begin());
       }},
      {"backend[1].quic_server_id", "no quic_server_id of 8 bytes",
       [](auto& s) { s.backends[1].quic_server_ids.pop_back(); }},
      {"backend[1].quic_server_id[0]", "server ID of backend b1 already",
       [](auto& s) { s.backends[1].quic_server_ids[0] = s.backends[0].quic_server_ids[0]; }},
      {"backend[1].quic_server_id[2]", "has 2 bytes",
       [](auto& s) {
         s.backends[1].quic_server_ids.push_back(QuicServerId::parse("0102").value());
       }},
      {"backend[1].quic_server_id", "without a [[service.quic_lb]]",
       [](auto& s) {
         s.quic_lb.clear();
         s.backends[0].quic_server_ids.clear();
         s.backends[2].quic_server_ids.clear();
       }},
  };
  for (const Mistake& mistake : mistakes) {
    Config config = good_config();
    mistake.make(config.services[0]);
    const auto errors = validate(config);
    ASSERT_EQ(errors.size(), 1U) << mistake.what;
    EXPECT_EQ(errors[0].path, std::string("service[0].") + mistake.path) << errors[0].what;
    EXPECT_NE(errors[0].what.find(mistake.what), std::string::npos) << errors[0].what;
    EXPECT_FALSE(errors[0].remedy.empty());
  }
}

TEST(ValidateQuic, AServerIdOfNoLengthIsRefused) {
  Config config = good_config();
  config.services[0].quic_lb[0].server_id_length = 0;
  EXPECT_FALSE(validate(config).empty());
  config.services[0].quic_lb[0].server_id_length = 255;
  config.services[0].quic_lb[0].nonce_length = 255;
  EXPECT_FALSE(validate(config).empty());
}

TEST(QuicConfig, TheKeyReachesTheDataPlaneAndNoPlan) {
  const Config config = good_config();
  const auto decoded = decode<Config>(encode(config));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, config);

  Config after = config;
  after.services[0].quic_lb[1].key = QuicLbKey::parse("0f95f09245765f80256934e50c66207f").value();
  const Plan plan = diff(test::compiled(config), test::compiled(after));
  ASSERT_EQ(plan.changes.size(), 1U);
  const std::string& detail = plan.changes[0].detail;
  EXPECT_NE(detail.find("key hidden, check value "), std::string::npos) << detail;
  EXPECT_EQ(detail.find(secret), std::string::npos) << detail;
  EXPECT_EQ(detail.find("0f95f092"), std::string::npos) << detail;
}

TEST(QuicConfig, CompilesToRoutesOfItsServiceOnly) {
  Config config = good_config();
  config.services.push_back(test::sample_service({.name = "other"}));
  const Snapshot snapshot = test::compiled(config);
  EXPECT_EQ(snapshot.services[1].quic, nullptr);
  const auto& routes = snapshot.services[0].quic;
  ASSERT_NE(routes, nullptr);
  for (const BackendConfig& backend : config.services[0].backends)
    for (const QuicServerId& id : backend.quic_server_ids) {
      const auto owner = routes->owner(id);
      ASSERT_TRUE(owner);
      EXPECT_EQ(snapshot.backend(BackendId{*owner}).name, backend.name);
    }
  EXPECT_FALSE(routes->owner(QuicServerId::parse("c46009").value()));
  EXPECT_FALSE(routes->owner(QuicServerId::parse("c460").value()));
}

}  // namespace
}  // namespace sluice
