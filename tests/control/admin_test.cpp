#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <memory>

#include "tests/control/admin_fixture.h"

namespace sluice::control::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::string_view without_web2 = "\n[[service.backend]]\nname    = \"web2\"";

TEST_F(AdminTest, StatusSaysWhatIsMissing) {
  const Json alone = json("GET", "/v1/status");
  EXPECT_EQ(alone["in_sync"], false);
  EXPECT_EQ(alone["out_of_sync"], "sluice-dataplane is not connected");
  EXPECT_EQ(alone["data_plane"]["connected"], false);
  EXPECT_EQ(alone["counts"]["backends"]["all"], 2);
  EXPECT_EQ(alone["counts"]["backends"]["without_path"], 2);

  connect_data_plane();
  const Json together = json("GET", "/v1/status");
  EXPECT_EQ(together["in_sync"], true);
  EXPECT_EQ(together["data_plane"]["pid"], FakeDataplane::pid);
  EXPECT_EQ(together["data_plane"]["notes"][0], "wan0: no offloads");

  Report refused = *state_.report();
  refused.rejected_generation = state_.config_generation();
  refused.error = "restart it";
  state_.set_report(refused);
  EXPECT_EQ(json("GET", "/v1/status")["out_of_sync"],
            "sluice-dataplane refused this configuration: restart it");
}

TEST_F(AdminTest, ServicesAndBackendsCountByName) {
  FakeDataplane data_plane(run_dir());
  data_plane.worker().listeners[FakeDataplane::listener] = {10, 1'000};
  data_plane.worker().backends[8] = {6, 600, 2, 1};
  give_path("10.0.1.12");
  const Json service = json("GET", "/v1/services")["services"][0];
  EXPECT_EQ(service["name"], "web");
  EXPECT_EQ(service["packets"], 10);
  EXPECT_EQ(service["listeners"][0]["bytes"], 1'000);

  const Json backends = json("GET", "/v1/backends?service=web")["backends"];
  ASSERT_EQ(backends.size(), 2U);
  EXPECT_EQ(backends[0]["path"], nullptr);
  EXPECT_THAT(backends[0]["no_path_reason"].get<std::string>(), HasSubstr("no route"));
  EXPECT_EQ(backends[1]["path"]["port"], "wan0");
  EXPECT_EQ(backends[1]["packets"], 6);
  EXPECT_EQ(backends[1]["flows_begun"], 2);
  EXPECT_EQ(backends[1]["flows_active"], 1);
  EXPECT_EQ(backends[1]["ramp_percent"], 100);
  EXPECT_EQ(backends[0]["slots"].get<int>() + backends[1]["slots"].get<int>(), 65'537);
  json("GET", "/v1/backends?service=nope", "", 404);
}

TEST_F(AdminTest, OverrideSetsKeepsAndClears) {
  const std::string target = "/v1/services/web/backends/web1";
  const Json drained = json("PUT", target, R"({"drain": true, "weight": 5})");
  EXPECT_EQ(drained["backend"]["drained"], true);
  EXPECT_EQ(drained["backend"]["slots"], 0);
  EXPECT_EQ(drained["shifts"][0]["service"], "web");

  const Json enabled = json("PUT", target, R"({"drain": null})");
  EXPECT_EQ(enabled["backend"]["drained"], false);
  EXPECT_EQ(enabled["backend"]["weight"], 5);
  EXPECT_EQ(enabled["backend"]["override"]["drain"], nullptr);
  EXPECT_EQ(enabled["backend"]["configured"]["weight"], 1);

  json("PUT", target, R"({"weight": null})");
  EXPECT_TRUE(state_.overrides().empty());
}

TEST_F(AdminTest, OverrideRefusesWhatItCannotTake) {
  const std::string target = "/v1/services/web/backends/web1";
  for (const char* body : {"", "[]", "{}", "{", R"({"weight": -1})", R"({"weight": 1001})",
                           R"({"weight": 1.5})", R"({"drain": 1})", R"({"weihgt": 1})", "\xff"})
    json("PUT", target, body, 400);
  json("PUT", "/v1/services/web/backends/nope", R"({"drain": true})", 404);
  json("PUT", "/v1/services/nope/backends/web1", R"({"drain": true})", 404);
  EXPECT_TRUE(state_.overrides().empty());
}

TEST_F(AdminTest, CountersNameEveryVerdict) {
  json("GET", "/v1/counters", "", 503);
  FakeDataplane data_plane(run_dir());
  data_plane.worker().verdicts[static_cast<std::size_t>(Verdict::sent_ipip)] = 12;
  data_plane.worker().flows_inserted = 3;
  data_plane.worker().polls = 100;
  const Json counters = json("GET", "/v1/counters");
  EXPECT_EQ(counters["verdicts"].size(), verdict_count - 1);
  EXPECT_EQ(counters["verdicts"][0]["name"], "sent_ipip");
  EXPECT_EQ(counters["verdicts"][0]["count"], 12);
  EXPECT_EQ(counters["flow_table"][0]["count"], 3);
  EXPECT_EQ(counters["workers"][0]["polls"], 100);
  EXPECT_EQ(counters["live"], false);
  connect_data_plane();
  EXPECT_EQ(json("GET", "/v1/counters")["live"], true);
}

TEST_F(AdminTest, FlowsAreFilteredAndCut) {
  FakeDataplane data_plane(run_dir());
  for (std::uint16_t i = 0; i < 6; ++i) data_plane.add_flow(1'000 + i, i < 4 ? 7 : 8);
  data_plane.add_flow(2'000, 9);  // of a backend that is gone
  const Json all = json("GET", "/v1/flows");
  EXPECT_EQ(all["count"], 7);
  EXPECT_EQ(all["cut"], false);
  EXPECT_EQ(all["flows"][0]["idle_seconds"], 10);
  EXPECT_EQ(json("GET", "/v1/flows?service=web")["count"], 6);
  const Json on_web2 = json("GET", "/v1/flows?backend=web2");
  EXPECT_EQ(on_web2["count"], 2);
  EXPECT_EQ(on_web2["flows"][0]["backend"], "web2");
  const Json cut = json("GET", "/v1/flows?limit=3");
  EXPECT_EQ(cut["count"], 3);
  EXPECT_EQ(cut["cut"], true);
  EXPECT_EQ(json("GET", "/v1/flows?backend=web2&limit=2")["cut"], false);
  for (const char* limit : {"0", "-1", "x", "", "100001", "99999999999"})
    json("GET", std::string("/v1/flows?limit=") + limit, "", 400);
}

std::string explain_target(std::uint16_t client_port) {
  return "/v1/explain?protocol=tcp&source=192.0.2.1:" + std::to_string(client_port) +
         "&destination=203.0.113.10:80";
}

TEST_F(AdminTest, ExplainGoesByTheLiveFlowTable) {
  FakeDataplane data_plane(run_dir());
  give_path("10.0.1.11");
  give_path("10.0.1.12");
  connect_data_plane();
  const Json fresh = json("GET", explain_target(1'234));
  EXPECT_EQ(fresh["known_flow"], false);
  EXPECT_EQ(fresh["flow"], nullptr);
  const bool picked_web1 = fresh["backend"] == "web1";

  // The flow is on the other backend, by the data plane's own number for it.
  data_plane.add_flow(1'234, picked_web1 ? 8 : 7);
  const Json known = json("GET", explain_target(1'234));
  EXPECT_EQ(known["known_flow"], true);
  EXPECT_EQ(known["backend"], picked_web1 ? "web2" : "web1");
  EXPECT_EQ(known["flow"]["state"], "established");
  EXPECT_EQ(known["in_sync"], true);
}

TEST_F(AdminTest, ExplainPassesOverIdleAndOrphanedEntries) {
  FakeDataplane data_plane(run_dir());
  data_plane.add_flow(1, 7, static_cast<FlowTick>(1'000 - 901));  // 15 minutes and a second
  const Json idle = json("GET", explain_target(1));
  EXPECT_EQ(idle["known_flow"], false);
  EXPECT_THAT(idle["reasons"][1].get<std::string>(), HasSubstr("idle for 901 s"));

  data_plane.add_flow(2, 9);
  const Json orphan = json("GET", explain_target(2));
  EXPECT_EQ(orphan["known_flow"], false);
  EXPECT_THAT(orphan["reasons"][1].get<std::string>(), HasSubstr("its backend is gone"));

  data_plane.directory().backends[8].address = ip("10.0.1.99");  // another backend of that name
  data_plane.directory().directory_sequence += 2;
  data_plane.add_flow(3, 8);
  EXPECT_EQ(json("GET", explain_target(3))["known_flow"], false);
}

TEST_F(AdminTest, ExplainRefusesWhatIsNoTuple) {
  for (const char* query :
       {"", "?protocol=tcp", "?protocol=icmp&source=1.2.3.4:1&destination=1.2.3.4:1",
        "?protocol=tcp&source=1.2.3.4&destination=1.2.3.4:1",
        "?protocol=tcp&source=1.2.3.4:1&destination=1.2.3.4:99999",
        "?protocol=tcp&source=1.2.3.4:1&destination=[2001:db8::1]:1"})
    json("GET", std::string("/v1/explain") + query, "", 400);
  const Json other = json("GET", "/v1/explain?protocol=udp&source=1.2.3.4:1&destination=5.6.7.8:9");
  EXPECT_EQ(other["service"], nullptr);
  EXPECT_EQ(other["backend"], nullptr);
}

TEST_F(AdminTest, PlanCountsTheFlowsThatMustMove) {
  FakeDataplane data_plane(run_dir());
  data_plane.worker().backends[7].active = 2;
  data_plane.worker().backends[8].active = 3;
  const std::string text(config_text.substr(0, config_text.find(without_web2)));
  const Json plan = json("POST", "/v1/plan?file=new.toml", text);
  EXPECT_EQ(plan["changes"][0]["kind"], "removed");
  EXPECT_EQ(plan["changes"][0]["subject"], "backend web/web2");
  EXPECT_EQ(plan["evicted"][0]["backend"], "web2");
  EXPECT_EQ(plan["flows_to_move"], 3);
  EXPECT_EQ(plan["needs_restart"], false);
  EXPECT_GT(plan["shifts"][0]["percent"].get<double>(), 45.0);
  EXPECT_EQ(state_.snapshot().services[0].backends.size(), 2U);

  const Json applied = json("POST", "/v1/apply", text);
  EXPECT_EQ(applied["applied"], true);
  EXPECT_EQ(applied["evicted"][0]["backend"], "web2");
  EXPECT_EQ(applied["flows_to_move"], 3);
  EXPECT_EQ(state_.snapshot().services[0].backends.size(), 1U);
  EXPECT_EQ(call("GET", "/v1/config").body, text);
}

TEST_F(AdminTest, BadConfigurationChangesNothing) {
  for (const char* route : {"/v1/check", "/v1/plan", "/v1/apply"}) {
    const Json answer =
        json("POST", std::string(route) + "?file=my.toml", "[[service]]\nnam = 1\n", 422);
    ASSERT_FALSE(answer["errors"].empty());
    EXPECT_EQ(answer["errors"][0]["file"], "my.toml");
    EXPECT_THAT(answer["errors"].dump(), HasSubstr("my.toml:2:1: unknown key"));
    EXPECT_THAT(answer["error"]["what"].get<std::string>(), HasSubstr("error"));
  }
  EXPECT_EQ(call("GET", "/v1/config").body, config_text);
  json("POST", "/v1/check", std::string("\xff\xfe\0\x01", 4), 422);
  EXPECT_EQ(json("POST", "/v1/check", std::string(config_text))["ok"], true);
}

TEST_F(AdminTest, ConfigurationAsJson) {
  const Json config = json("GET", "/v1/config?format=json");
  EXPECT_EQ(config["service"][0]["backend"][1]["address"], "10.0.1.12");
  json("GET", "/v1/config?format=yaml", "", 400);
}

TEST_F(AdminTest, UnknownRoutesSayWhatThereIs) {
  for (const char* path : {"/", "/v1", "/v1/", "/v1/status/", "/v2/status", "/v1/services/web"})
    EXPECT_FALSE(json("GET", path, "", 404)["routes"].empty()) << path;
  const Response wrong = call("DELETE", "/v1/services/web/backends/web1");
  EXPECT_EQ(wrong.status, 405);
  ASSERT_EQ(wrong.headers.size(), 1U);
  EXPECT_EQ(wrong.headers[0], (HeaderField{"Allow", "PUT"}));
  json("GET", "/v1/status?verbose=1", "", 400);
  EXPECT_EQ(call("HEAD", "/v1/status").status, 200);
}

TEST_F(AdminTest, ViewFollowsANewDataplane) {
  auto first = std::make_unique<FakeDataplane>(run_dir());
  first->worker().polls = 1;
  EXPECT_EQ(json("GET", "/v1/counters")["workers"][0]["polls"], 1);
  const FakeDataplane second_keeps_inode_apart(run_dir());
  EXPECT_EQ(json("GET", "/v1/counters")["workers"][0]["polls"], 0);
  fs::remove(run_dir() + "/counters");
  json("GET", "/v1/counters", "", 503);
}

TEST_F(AdminTest, ViewWithstandsBadFiles) {
  const std::string path = run_dir() + "/counters";
  std::ofstream(path).close();
  json("GET", "/v1/counters", "", 503);
  std::ofstream(path) << "too short for anything";
  json("GET", "/v1/counters", "", 503);
  fs::remove(path);
  fs::create_directory(path);
  json("GET", "/v1/counters", "", 503);
  fs::remove(path);
  FakeDataplane data_plane(run_dir());
  std::ofstream(run_dir() + "/flows.0") << "short";
  EXPECT_EQ(json("GET", "/v1/flows")["count"], 0);
  fs::resize_file(path, sizeof(CountersSegment));  // no room for the worker it speaks of
  DataplaneView fresh(run_dir());
  fresh.refresh();
  EXPECT_EQ(fresh.counters(), nullptr);
}

TEST_F(AdminTest, DirectoryIsReadOnlyWhenWhole) {
  FakeDataplane data_plane(run_dir());
  view_.refresh();
  data_plane.directory().directory_sequence = 3;  // being written
  data_plane.directory().backends[7].name.assign("half");
  view_.refresh();
  EXPECT_NE(view_.directory().find({"web", "web1"}), nullptr);
  data_plane.directory().directory_sequence = 4;
  view_.refresh();
  EXPECT_EQ(view_.directory().find({"web", "web1"}), nullptr);
  EXPECT_NE(view_.directory().find({"web", "half"}), nullptr);
}

}  // namespace
}  // namespace sluice::control::test
