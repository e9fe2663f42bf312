#include "core/config/access.h"

#include <gtest/gtest.h>

#include "core/config/diff.h"
#include "core/config/explain.h"
#include "core/contract/codec.h"
#include "tests/core/sample_config.h"

namespace sluice {
namespace {

using test::compiled;
using test::ip;
using test::sample_config;

AccessItem item(std::string_view text) { return *AccessItem::parse(text); }

Config guarded_config() {
  Config config = sample_config();
  config.prefix_lists = {{"bad", "", {*Prefix::parse("198.51.100.0/24")}}};
  config.services[0].deny = {item("@bad"), item("192.0.2.1")};
  return config;
}

// "path: what (remedy)" of the only error.
std::string only_error(const Config& config) {
  const auto errors = validate(config);
  if (errors.size() != 1) return std::to_string(errors.size()) + " errors";
  return errors[0].path + ": " + errors[0].what + " (" + errors[0].remedy + ")";
}

TEST(AccessItem, IsAPrefixOrTheNameOfAList) {
  for (const char* text : {"@bad", "192.0.2.0/24", "2001:db8::/32"})
    EXPECT_EQ(item(text).text(), text);
  EXPECT_EQ(item("192.0.2.1").text(), "192.0.2.1/32");
  for (const char* text : {"", "@", "bad", "192.0.2.1/24", "192.0.2.0/33"})
    EXPECT_FALSE(AccessItem::parse(text)) << text;
}

TEST(Access, TravelsWithTheConfiguration) {
  Config config = guarded_config();
  config.access.allow = {item("0.0.0.0/0")};
  const auto copy = decode<Config>(encode(config));
  ASSERT_TRUE(copy);
  EXPECT_EQ(*copy, config);
}

TEST(Access, GuardsOnlyTheListenersThatHaveLists) {
  Config config = sample_config();
  config.services.push_back(config.services[0]);
  config.services[1].name = "other";
  config.services[1].ports = {Port(81)};
  config.services[1].deny = {item("192.0.2.0/24")};
  const Snapshot snapshot = compiled(config);
  const auto guards = [&](const Snapshot& of, std::uint16_t port) {
    return of.vips.find(ip("203.0.113.10"), Port(port).be(), Protocol::tcp)->guards;
  };
  EXPECT_FALSE(guards(snapshot, 80).any());
  EXPECT_TRUE(guards(snapshot, 81).access);
  config.access.deny = {item("192.0.2.0/24")};
  EXPECT_TRUE(guards(compiled(config), 80).access);
}

TEST(Access, AllowMeansOnlyThese) {
  Config config = sample_config();
  config.services[0].allow = {item("192.0.2.0/24")};
  config.services[0].deny = {item("192.0.2.128/25")};
  const Snapshot snapshot = compiled(config);
  const PrefixTable& table = *snapshot.services[0].access;
  EXPECT_TRUE(table.find(ip("192.0.2.1")));
  EXPECT_FALSE(table.find(ip("192.0.2.129")));
  EXPECT_FALSE(table.find(ip("198.51.100.1")));
  EXPECT_FALSE(table.find(ip("2001:db8::1"))) << "of the other family";
}

TEST(Access, TablesAreSharedWhileTheirListsStay) {
  Config config = guarded_config();
  config.services.push_back(config.services[0]);
  config.services[1].name = "other";
  config.services[1].ports = {Port(81)};
  const Snapshot before = compiled(config);
  EXPECT_EQ(before.services[0].access, before.services[1].access) << "equal lists, one table";
  config.services[0].backends.pop_back();
  const Snapshot after = compiled(config, {}, &before);
  EXPECT_EQ(before.services[0].access, after.services[0].access);
  config.prefix_lists[0].prefixes.push_back(*Prefix::parse("203.0.113.0/24"));
  const Snapshot changed = compiled(config, {}, &after);
  EXPECT_NE(changed.services[0].access, after.services[0].access);
  EXPECT_FALSE(changed.services[0].access->find(ip("203.0.113.9")));
}

TEST(Access, WrongListsAreRefusedWithAWayOut) {
  Config config = guarded_config();
  config.services[0].deny[0] = item("@worse");
  EXPECT_EQ(only_error(config),
            "service[0].deny[0]: there is no prefix list called \"worse\" (write a "
            "[[prefix_list]] with that name, or a prefix)");
  config = guarded_config();
  config.prefix_lists.push_back(config.prefix_lists[0]);
  EXPECT_EQ(only_error(config),
            "prefix_list[1].name: there are two prefix lists called \"bad\" (give this one another "
            "name)");
  config = guarded_config();
  config.prefix_lists[0].name.clear();
  config.services[0].deny.clear();
  EXPECT_EQ(only_error(config),
            "prefix_list[0].name: a prefix list has no name (write name = \"bad\")");
  config = guarded_config();
  config.prefix_lists[0].prefixes.clear();
  EXPECT_TRUE(validate(config).empty()) << "an empty deny list shuts nobody out";
  config.access.allow = {item("@bad")};
  EXPECT_EQ(only_error(config),
            "access.allow[0]: prefix list \"bad\" is empty, so allow would shut all out (put the "
            "prefixes of those who may come in on the list, or leave out allow)");
}

TEST(Access, WrongLimitsAreRefusedWithAWayOut) {
  Config config = sample_config();
  config.services[0].limit_netmask6 = 16;
  EXPECT_EQ(only_error(config),
            "service[0].limit_netmask6: limit_netmask6 is 16 (write a number from 32 to 128)");
  config = sample_config();
  config.services[0].source_packets_burst = 10;
  EXPECT_EQ(only_error(config),
            "service[0].source_packets_burst: source_packets_burst does nothing without "
            "source_packets_per_second (write source_packets_per_second too, or leave out both)");
}

TEST(Access, ThePlanSaysWhatChanges) {
  const Config old_config = guarded_config();
  Config config = old_config;
  config.prefix_lists[0].prefixes = {*Prefix::parse("203.0.113.0/24"), *Prefix::parse("::/0")};
  config.prefix_lists.push_back({"good", "", {}});
  config.access.deny = {item("@bad")};
  const Snapshot before = compiled(old_config);
  const Plan plan = diff(before, compiled(config, {}, &before));
  std::string text;
  for (const Change& change : plan.changes) text += change.subject + ": " + change.detail + "\n";
  EXPECT_EQ(text,
            "prefix list bad: 2 prefixes added, 1 removed, now 2\n"
            "prefix list good: 0 prefixes\n"
            "access: deny [] -> [@bad]\n");
  EXPECT_FALSE(plan.needs_restart());
}

TEST(Access, ExplainSaysWhoRefuses) {
  Config config = guarded_config();
  const FiveTuple tuple{ip("198.51.100.7"), ip("203.0.113.10"), Port(40'000), Port(80),
                        Protocol::tcp};
  const auto reasons = [&] {
    std::string out;
    for (const std::string& reason : explain(compiled(config), tuple, {}).reasons)
      out += reason + "\n";
    return out;
  };
  EXPECT_NE(reasons().find("198.51.100.7 is refused by the access lists of service web: dropped "
                           "(drop_denied)"),
            std::string::npos);
  EXPECT_FALSE(explain(compiled(config), tuple, {}).backend);
  config.access.deny = {item("@bad")};
  EXPECT_NE(reasons().find("the access lists of [access]"), std::string::npos);
  config.access.deny.clear();
  config.services[0].deny = {item("192.0.2.1")};
  EXPECT_NE(reasons().find("the access lists let 198.51.100.7 in"), std::string::npos);
}

}  // namespace
}  // namespace sluice
