#include <functional>
#include <gtest/gtest.h>

#include "tests/core/sample_config.h"

namespace sluice {
namespace {

struct Fault {
  const char* path;    // of its one error, in the first service
  const char* phrase;  // in its text
  std::function<void(ServiceConfig&)> make;
};

ServiceConfig udp_service() { return test::sample_service({.protocol = Protocol::udp}); }

std::vector<ConfigError> errors_of(ServiceConfig service) {
  Config config = test::sample_config();
  config.services = {std::move(service)};
  return validate(config);
}

TEST(ValidateChoosing, SlotsOfAllServicesAreBounded) {
  Config config = test::sample_config();
  config.services.clear();
  for (unsigned i = 0; i < 64; ++i) {
    ServiceConfig service = test::sample_service({.name = "s" + std::to_string(i)});
    service.vips = {test::ip("198.18.0." + std::to_string(i + 1))};
    service.slots = 16'777'259;
    config.services.push_back(std::move(service));
  }
  const auto errors = validate(config);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].what, "there are 1073744576 slots in all services together");
  EXPECT_EQ(errors[0].remedy, "at most 1073741824 are supported");
  config.services.pop_back();
  EXPECT_TRUE(validate(config).empty());
}

TEST(ValidateChoosing, OneMessageForEachFault) {
  using namespace std::chrono_literals;
  const Fault faults[] = {
      {"slots", "1021 slots, and balance = \"rendezvous\"",
       [](auto& service) { service.balance = Balance::rendezvous; }},
      {"slots", "512 slots",
       [](auto& service) { service.balance = Balance::rendezvous, service.slots = 512; }},
      {"slots", "8388608 slots",
       [](auto& service) { service.balance = Balance::rendezvous, service.slots = 1U << 23; }},
      {"slots", "1048576 slots", [](auto& service) { service.slots = 1U << 20; }},
      {"hash", "hashes nothing",
       [](auto& service) {
         service.balance = Balance::weighted_round_robin, service.hash = HashOf::source;
       }},
      {"hash", "no known value", [](auto& service) { service.hash = HashOf{9}; }},
      {"balance", "no known value", [](auto& service) { service.balance = Balance{9}; }},
      {"affinity.timeout", "500 ms", [](auto& service) { service.affinity.timeout = 500ms; }},
      {"affinity.timeout", "no timeout", [](auto& service) { service.affinity.netmask4 = 24; }},
      {"affinity.netmask4", "netmask4 is 33",
       [](auto& service) { service.affinity = {.timeout = 10min, .netmask4 = 33}; }},
      {"affinity.netmask6", "netmask6 is 0",
       [](auto& service) { service.affinity = {.timeout = 10min, .netmask6 = 0}; }},
      {"affinity", "by what it chose before",
       [](auto& service) {
         service.affinity.timeout = 10min;
         service.balance = Balance::weighted_least_connection;
       }},
      {"one_packet", "is for UDP",
       [](auto& service) { service.one_packet = true, service.protocol = Protocol::tcp; }},
      {"one_packet", "needs a session",
       [](auto& service) {
         service = test::sample_service({.forward = Forward::nat, .protocol = Protocol::udp});
         service.one_packet = true;
       }},
      {"one_packet", "remembers clients",
       [](auto& service) { service.one_packet = true, service.affinity.timeout = 10min; }},
      {"one_packet", "counts no flows",
       [](auto& service) {
         service.one_packet = true, service.balance = Balance::weighted_least_connection;
       }},
      {"backend[1].max_connections", "nothing to limit",
       [](auto& service) { service.one_packet = true, service.backends[1].max_connections = 5; }},
      {"backend[0].max_connections", "max_connections is 2000000000",
       [](auto& service) { service.backends[0].max_connections = 2'000'000'000; }},
  };
  for (const Fault& fault : faults) {
    ServiceConfig service = udp_service();
    fault.make(service);
    const auto errors = errors_of(service);
    ASSERT_EQ(errors.size(), 1U) << fault.phrase;
    EXPECT_EQ(errors[0].path, std::string("service[0].") + fault.path) << fault.phrase;
    EXPECT_NE(errors[0].what.find(fault.phrase), std::string::npos) << errors[0].what;
    EXPECT_FALSE(errors[0].remedy.empty());
  }
}

TEST(ValidateChoosing, EveryPolicyHasAnAcceptedForm) {
  using namespace std::chrono_literals;
  ServiceConfig service = udp_service();
  for (const Balance balance : {Balance::maglev, Balance::rendezvous, Balance::weighted_round_robin,
                                Balance::weighted_least_connection}) {
    service.balance = balance;
    service.slots = default_slots(balance);
    EXPECT_TRUE(errors_of(service).empty()) << spell(balance);
  }
  service.balance = Balance::maglev;
  service.slots = 655'373;
  service.hash = HashOf::source;
  service.affinity = {.timeout = 10min, .netmask4 = 24, .netmask6 = 64};
  service.backends[0].max_connections = 100;
  EXPECT_TRUE(errors_of(service).empty());
  service = udp_service();
  service.one_packet = true;
  service.balance = Balance::weighted_round_robin;
  EXPECT_TRUE(errors_of(service).empty());
}

}  // namespace
}  // namespace sluice
