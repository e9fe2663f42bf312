#include "control/state/state.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>

namespace sluice::control {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view port_text = R"(
[[port]]
name   = "wan0"
driver = "vdev"
device = "net_null0"
)";

// A service "web" with HTTP checks and the given backends.
std::string config_text(const std::vector<std::pair<std::string, std::string>>& backends,
                        std::string_view health = R"(type = "http", interval = "1s")") {
  std::string out(port_text);
  out += R"(
[[service]]
name     = "web"
vip      = ["203.0.113.10"]
port     = 80
protocol = "tcp"
forward  = "ipip"
health   = { )" +
         std::string(health) + " }\n";
  for (const auto& [name, address] : backends)
    out += "[[service.backend]]\nname = \"" + name + "\"\naddress = \"" + address + "\"\n";
  return out;
}

const std::string two_backends = config_text({{"web1", "10.0.1.11"}, {"web2", "10.0.1.12"}});

class StateTest : public testing::Test {
 protected:
  StateTest() {
    fs::remove_all(directory_);
    fs::create_directories(directory_ / "state");
    write(config_path(), two_backends);
  }
  ~StateTest() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string config_path() const { return directory_ / "sluice.toml"; }
  [[nodiscard]] std::string state_dir() const { return directory_ / "state"; }
  [[nodiscard]] State make() const {
    return State({.config_path = config_path(), .state_dir = state_dir()});
  }
  static void write(const std::string& path, std::string_view text) { std::ofstream(path) << text; }
  static std::string read(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }

 private:
  fs::path directory_ = fs::path(testing::TempDir()) / ("state-" + std::to_string(getpid()));
};

Config config_of(const State& state) { return state.config(); }

TargetState health_of(const State& state, const std::string& backend) {
  for (const Health::Entry& entry : state.health().whole().entries)
    if (entry.service == "web" && entry.backend == backend) return entry.state;
  ADD_FAILURE() << "no entry of " << backend;
  return TargetState::unknown;
}

TEST_F(StateTest, LoadsTheFileAndKeepsItAsLastGood) {
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  EXPECT_EQ(state.warning(), "");
  EXPECT_EQ(state.storage_warning(), "");
  EXPECT_EQ(state.config_text(), two_backends);
  EXPECT_EQ(state.config().services.at(0).backends.size(), 2U);
  EXPECT_EQ(state.snapshot().services.at(0).backends.size(), 2U);
  EXPECT_EQ(read(state_dir() + "/last-good.toml"), two_backends);
  EXPECT_EQ(health_of(state, "web1"), TargetState::unknown);
}

TEST_F(StateTest, ARestartedProcessHasNewerGenerations) {
  State first = make();
  ASSERT_TRUE(first.load().has_value());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(first.reload().has_value());
  State second = make();
  ASSERT_TRUE(second.load().has_value());
  EXPECT_GT(second.config_generation(), first.config_generation());
  EXPECT_GT(second.health_generation(), first.health_generation());
  EXPECT_GT(second.paths_generation(), first.paths_generation());
}

TEST_F(StateTest, FallsBackToTheLastGoodConfigurationAndSaysWhy) {
  {
    State state = make();
    ASSERT_TRUE(state.load().has_value());
  }
  write(config_path(), "[[port]\n");
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  EXPECT_EQ(state.config_text(), two_backends);
  EXPECT_NE(state.warning().find("last-good.toml"), std::string::npos);
  EXPECT_NE(state.warning().find("sluice.toml:1:"), std::string::npos) << state.warning();

  write(config_path(), two_backends);
  ASSERT_TRUE(state.reload().has_value());
  EXPECT_EQ(state.warning(), "");
}

TEST_F(StateTest, WithoutALastGoodOneItGivesTheErrorsOfTheFile) {
  write(config_path(), "[[port]\n");
  State state = make();
  const auto loaded = state.load();
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().at(0).file, config_path());

  fs::remove(config_path());
  State other = make();
  const auto missing = other.load();
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().at(0).text().find("sluice.toml"), std::string::npos);
}

// At start an interface may not be there yet; a change that names a wrong one is a mistake.
TEST_F(StateTest, AsksTheHostAboutChangesButNotAtStart) {
  std::vector<ConfigError> found = {{"port[0].device", "this host has no interface", "make it"}};
  State state({.config_path = config_path(), .state_dir = state_dir(), .host_check = [&](auto&) {
                 return found;
               }});
  ASSERT_TRUE(state.load().has_value());
  for (const auto& refused : {state.plan(two_backends, "f"), state.apply(two_backends, "f")}) {
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().at(0).what, "this host has no interface");
    EXPECT_GT(refused.error().at(0).line, 1U);
  }
  EXPECT_FALSE(state.reload().has_value());
  found.clear();
  EXPECT_TRUE(state.reload().has_value());
}

TEST_F(StateTest, AReloadThatFailsChangesNothing) {
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  const Config before = config_of(state);
  const auto generation = state.config_generation();
  int told = 0;
  state.subscribe([&told](const Touched&) { ++told; });
  write(config_path(), config_text({{"web1", "10.0.1.11"}, {"web1", "10.0.1.12"}}));
  const auto plan = state.reload();
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(state.config(), before);
  EXPECT_EQ(state.config_generation(), generation);
  EXPECT_EQ(told, 0);
  EXPECT_EQ(read(state_dir() + "/last-good.toml"), two_backends);
}

TEST_F(StateTest, PlanSaysWhatApplyDoes) {
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  const std::string text = config_text({{"web1", "10.0.1.11"}, {"web3", "10.0.1.13"}});
  const auto plan = state.plan(text, "new.toml");
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(state.config_text(), two_backends);
  EXPECT_EQ(read(config_path()), two_backends);

  Touched touched;
  state.subscribe([&touched](const Touched& what) { touched = what; });
  const auto applied = state.apply(text, "new.toml");
  ASSERT_TRUE(applied.has_value());
  EXPECT_EQ(applied->changes.size(), plan->changes.size());
  EXPECT_EQ(applied->evicted, plan->evicted);
  EXPECT_EQ(applied->evicted.size(), 1U);
  EXPECT_TRUE(touched.config);
  EXPECT_TRUE(touched.health);
  EXPECT_EQ(read(config_path()), text);
  EXPECT_EQ(read(config_path() + ".previous"), two_backends);
  EXPECT_EQ(read(state_dir() + "/last-good.toml"), text);
}

TEST_F(StateTest, ApplyOfABrokenTextGivesItsErrorsAndChangesNothing) {
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  const auto applied = state.apply("nonsense = 1\n", "new.toml");
  ASSERT_FALSE(applied.has_value());
  EXPECT_EQ(applied.error().at(0).file, "new.toml");
  EXPECT_EQ(read(config_path()), two_backends);
  EXPECT_FALSE(fs::exists(config_path() + ".previous"));
}

TEST_F(StateTest, ApplyThatCannotBeStoredChangesNothing) {
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  // In the way of the copy: root would write to a read-only file all the same.
  fs::create_directories(config_path() + ".previous/occupied");
  const auto applied = state.apply(config_text({{"web1", "10.0.1.11"}}), "new.toml");
  ASSERT_FALSE(applied.has_value());
  EXPECT_EQ(state.config_text(), two_backends);
  EXPECT_EQ(read(config_path()), two_backends);
}

TEST_F(StateTest, FlipsArePublishedTogether) {
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  int told = 0;
  state.subscribe([&told](const Touched& touched) { told += touched.health ? 1 : 0; });
  const auto generation = state.health_generation();
  state.set_health({"web", "web1"}, TargetState::up, "connected");
  state.set_health({"web", "web2"}, TargetState::down, "connect: timed out");
  state.set_health({"web", "gone"}, TargetState::down, "ignored");
  EXPECT_EQ(told, 0);
  EXPECT_EQ(health_of(state, "web2"), TargetState::unknown);
  state.publish_health();
  state.publish_health();
  EXPECT_EQ(told, 1);
  EXPECT_EQ(state.health_generation(), generation + 1);
  EXPECT_EQ(health_of(state, "web1"), TargetState::up);
  EXPECT_EQ(health_of(state, "web2"), TargetState::down);
  EXPECT_EQ(state.health_notes().at({"web", "web2"}).reason, "connect: timed out");
  const Service& service = state.snapshot().services.at(0);
  EXPECT_EQ(service.shares.size(), 1U);
}

TEST_F(StateTest, HealthSurvivesAReloadWhereTheProbedServerIsTheSame) {
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  state.set_health({"web", "web1"}, TargetState::up, "");
  state.set_health({"web", "web2"}, TargetState::down, "");
  state.publish_health();
  // web1 has another address; other times and thresholds ask the same question.
  write(config_path(), config_text({{"web1", "10.0.1.99"}, {"web2", "10.0.1.12"}},
                                   R"(type = "http", interval = "2s", rise = 5)"));
  ASSERT_TRUE(state.reload().has_value());
  EXPECT_EQ(health_of(state, "web1"), TargetState::unknown);
  EXPECT_EQ(health_of(state, "web2"), TargetState::down);
  // Another path asks another question.
  write(config_path(), config_text({{"web2", "10.0.1.12"}}, R"(type = "http", path = "/other")"));
  ASSERT_TRUE(state.reload().has_value());
  EXPECT_EQ(health_of(state, "web2"), TargetState::unknown);
  EXPECT_EQ(state.health_notes().size(), 1U);
}

TEST_F(StateTest, OverridesChangeTheConfigurationAndOutliveTheProcess) {
  {
    State state = make();
    ASSERT_TRUE(state.load().has_value());
    const auto plan = state.set_override({"web", "web1"}, {.drain = true, .weight = 7});
    ASSERT_TRUE(plan.has_value()) << plan.error().text();
    EXPECT_FALSE(plan->changes.empty());
    EXPECT_TRUE(state.config().services.at(0).backends.at(0).drain);
    EXPECT_EQ(state.config_text(), two_backends);
  }
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  EXPECT_EQ(state.config().services.at(0).backends.at(0).weight, 7);
  EXPECT_TRUE(state.snapshot().config().services.at(0).backends.at(0).drain);

  ASSERT_TRUE(state.set_override({"web", "web1"}, {.drain = {}, .weight = 7}).has_value());
  EXPECT_FALSE(state.config().services.at(0).backends.at(0).drain);
  ASSERT_TRUE(state.set_override({"web", "web1"}, {}).has_value());
  EXPECT_TRUE(state.overrides().empty());
  EXPECT_EQ(state.config().services.at(0).backends.at(0).weight, 1);
}

TEST_F(StateTest, OverridesOfBackendsThatLeaveAreForgotten) {
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  ASSERT_TRUE(state.set_override({"web", "web2"}, {.drain = true, .weight = {}}).has_value());
  write(config_path(), config_text({{"web1", "10.0.1.11"}}));
  ASSERT_TRUE(state.reload().has_value());
  EXPECT_TRUE(state.overrides().empty());
  write(config_path(), two_backends);
  ASSERT_TRUE(state.reload().has_value());
  EXPECT_FALSE(state.config().services.at(0).backends.at(1).drain);
}

TEST_F(StateTest, AnOverrideOfNothingNamesWhatThereIs) {
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  const auto service = state.set_override({"mail", "web1"}, {.drain = true, .weight = {}});
  ASSERT_FALSE(service.has_value());
  EXPECT_EQ(service.error().text(), "there is no service \"mail\": write one of web");
  const auto backend = state.set_override({"web", "web9"}, {.drain = true, .weight = {}});
  ASSERT_FALSE(backend.has_value());
  EXPECT_EQ(backend.error().text(),
            "service \"web\" has no backend \"web9\": write one of web1, web2");
  const auto weight = state.set_override({"web", "web1"}, {.drain = {}, .weight = 1'001});
  ASSERT_FALSE(weight.has_value());
  EXPECT_NE(weight.error().text().find("0 to 1000"), std::string::npos);
}

TEST_F(StateTest, CorruptOverridesAreAWarning) {
  for (const std::string_view text :
       {"", "{", "{}", "[1]", R"([{"service": "web"}])",
        R"([{"service": "web", "backend": "web1", "weight": -1}])",
        R"([{"service": "web", "backend": "web1", "weight": 70000}])",
        R"([{"service": "web", "backend": "web1", "drain": 1}])", "\xff\xfe[]"}) {
    write(state_dir() + "/overrides.json", text);
    State state = make();
    ASSERT_TRUE(state.load().has_value()) << text;
    EXPECT_NE(state.storage_warning().find("overrides.json"), std::string::npos) << text;
    EXPECT_TRUE(state.overrides().empty());
  }
}

TEST_F(StateTest, AStateDirectoryThatCannotBeWrittenIsAWarning) {
  fs::remove_all(state_dir());
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  EXPECT_NE(state.storage_warning(), "");
  ASSERT_TRUE(state.set_override({"web", "web1"}, {.drain = true, .weight = {}}).has_value());
  EXPECT_TRUE(state.config().services.at(0).backends.at(0).drain);
  fs::create_directories(state_dir());
  ASSERT_TRUE(state.reload().has_value());
  EXPECT_EQ(state.storage_warning(), "");
}

TEST_F(StateTest, PathsAndReportsAreToldOnlyWhenTheyChange) {
  State state = make();
  ASSERT_TRUE(state.load().has_value());
  int paths = 0, reports = 0;
  state.subscribe([&](const Touched& touched) {
    paths += touched.paths ? 1 : 0;
    reports += touched.data_plane ? 1 : 0;
  });
  Paths found;
  found.entries.push_back({.destination = *Address::parse("10.0.1.11"),
                           .port = "wan0",
                           .source_mac = {{2, 0, 0, 0, 0, 1}},
                           .next_hop_mac = {{2, 0, 0, 0, 0, 2}},
                           .source = *Address::parse("10.0.1.1"),
                           .next_hop = *Address::parse("10.0.1.11"),
                           .mtu_bytes = 1500});
  state.set_paths(found);
  state.set_paths(found);
  EXPECT_EQ(paths, 1);
  EXPECT_TRUE(state.snapshot().backends.at(0).path.has_value());
  state.set_report(Report{});
  state.set_report(Report{});
  state.set_report(std::nullopt);
  EXPECT_EQ(reports, 2);
}

}  // namespace
}  // namespace sluice::control
