#include "control/slow_start.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

#include "control/state/state.h"

// Who starts slowly, when, and what the data plane is told of it. The clock is the test's.

namespace sluice::control {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view config_head = R"(
[[port]]
name   = "wan0"
driver = "vdev"
device = "net_null0"

[[service]]
name       = "web"
vip        = "203.0.113.10"
port       = 80
slow_start = "10s"
)";

std::string config_text(std::initializer_list<std::string_view> backends, bool probed) {
  std::string out(config_head);
  if (probed) out += "health = { type = \"tcp\" }\n";
  int number = 10;
  for (const std::string_view name : backends)
    out += "[[service.backend]]\nname = \"" + std::string(name) + "\"\naddress = \"10.0.1." +
           std::to_string(++number) + "\"\n";
  return out;
}

class SlowStartTest : public testing::Test {
 protected:
  SlowStartTest() {
    fs::remove_all(directory_);
    fs::create_directories(directory_ / "state");
  }
  ~SlowStartTest() override { fs::remove_all(directory_); }

  State& make(const std::string& text) {
    std::ofstream(directory_ / "sluice.toml") << text;
    state_.emplace(State::Options{.config_path = directory_ / "sluice.toml",
                                  .state_dir = directory_ / "state",
                                  .clock = [this] { return now_; }});
    EXPECT_TRUE(state_->load());
    return *state_;
  }
  void set(std::string_view backend, TargetState state) {
    state_->set_health({"web", std::string(backend)}, state, "");
    state_->publish_health();
  }
  void apply(const std::string& text) { EXPECT_TRUE(state_->apply(text, "test.toml")); }
  void pass(Ramps::Time::duration time) {
    now_ += time;
    state_->advance_ramps();
  }
  // What the snapshot in force has.
  [[nodiscard]] int tenths(std::string_view name) const {
    for (const Backend& backend : state_->snapshot().backends)
      if (backend.in_use && backend.name == name) return backend.ramp_tenths;
    return 0;
  }

  Ramps::Time now_{1'000h};
  std::optional<State> state_;

 private:
  fs::path directory_ = fs::path(testing::TempDir()) / ("slow-start-" + std::to_string(getpid()));
};

TEST_F(SlowStartTest, IsNotForThoseThatAreThereAtTheStart) {
  State& state = make(config_text({"a", "b"}, true));
  state.set_health({"web", "a"}, TargetState::up, "");
  state.set_health({"web", "b"}, TargetState::up, "");
  state.publish_health();
  EXPECT_EQ(tenths("a"), 10);
  EXPECT_FALSE(state.next_ramp_step());
}

TEST_F(SlowStartTest, GoesInTenthsWhenABackendComesBack) {
  State& state = make(config_text({"a", "b"}, true));
  set("a", TargetState::up);
  set("b", TargetState::down);
  now_ += 60s;
  set("b", TargetState::up);
  EXPECT_EQ(tenths("b"), 1) << "at once, with a tenth";
  EXPECT_EQ(tenths("a"), 10);
  EXPECT_EQ(*state.next_ramp_step(), now_ + 2s);
  std::uint64_t generation = state.health_generation();
  for (int step = 2; step <= 10; ++step) {
    pass(step == 2 ? 1'999ms : 999ms);
    EXPECT_EQ(tenths("b"), step - 1) << "not yet";
    EXPECT_EQ(state.health_generation(), generation) << "nothing new is nothing to tell";
    pass(1ms);
    EXPECT_EQ(tenths("b"), step);
    EXPECT_EQ(state.health_generation(), ++generation);
  }
  EXPECT_FALSE(state.next_ramp_step());
  pass(1h);
  EXPECT_EQ(state.health_generation(), generation);
}

TEST_F(SlowStartTest, BeginsAgainAfterAnotherFall) {
  make(config_text({"a", "b"}, true));
  set("a", TargetState::up);
  set("b", TargetState::up);
  set("b", TargetState::down);
  EXPECT_FALSE(state_->next_ramp_step());
  set("b", TargetState::up);
  pass(5s);
  EXPECT_EQ(tenths("b"), 5);
  set("b", TargetState::down);
  EXPECT_FALSE(state_->next_ramp_step()) << "who is down is not on its way";
  set("b", TargetState::up);
  EXPECT_EQ(tenths("b"), 1);
}

TEST_F(SlowStartTest, IsForNewBackendsAndGoesOnOverAReload) {
  for (const bool probed : {false, true}) {
    make(config_text({"a"}, probed));
    state_->set_health({"web", "a"}, TargetState::up, "");
    state_->publish_health();
    apply(config_text({"a", "b"}, probed));
    if (probed) set("b", TargetState::up);
    EXPECT_EQ(tenths("b"), 1) << probed;
    EXPECT_EQ(tenths("a"), 10);
    pass(4s);
    EXPECT_EQ(tenths("b"), 4);
    apply(config_text({"a", "b", "c"}, probed));
    if (probed) set("c", TargetState::up);
    EXPECT_EQ(tenths("b"), 4) << "another's arrival does not begin it anew";
    EXPECT_EQ(tenths("c"), 1);
    pass(10s);
    EXPECT_EQ(tenths("b"), 10);
    EXPECT_EQ(tenths("c"), 10);
    EXPECT_FALSE(state_->next_ramp_step());
  }
}

TEST_F(SlowStartTest, IsForABackendThatIsEnabledAgain) {
  make(config_text({"a", "b"}, false));
  state_->publish_health();
  ASSERT_TRUE(state_->set_override({"web", "b"}, {.drain = true, .weight = {}}));
  EXPECT_EQ(tenths("b"), 10);
  const std::uint64_t generation = state_->health_generation();
  ASSERT_TRUE(state_->set_override({"web", "b"}, {}));
  EXPECT_EQ(tenths("b"), 1);
  EXPECT_GT(state_->health_generation(), generation) << "the data plane must hear of it";
  ASSERT_TRUE(state_->set_override({"web", "b"}, {.drain = {}, .weight = 5}));
  EXPECT_EQ(tenths("b"), 1) << "another weight is no new start";
  pass(3s);
  EXPECT_EQ(tenths("b"), 3);
}

TEST_F(SlowStartTest, IsNoneWithoutTheSetting) {
  std::string text = config_text({"a", "b"}, false);
  text.replace(text.find("slow_start = \"10s\"\n"), 19, "");
  make(text);
  state_->publish_health();
  ASSERT_TRUE(state_->set_override({"web", "b"}, {.drain = true, .weight = {}}));
  ASSERT_TRUE(state_->set_override({"web", "b"}, {}));
  EXPECT_EQ(tenths("b"), 10);
  EXPECT_FALSE(state_->next_ramp_step());
}

Task<void> follow_clock(Ring& ring, Ramps::Time& now, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const int slept = co_await ring.sleep(50ms);
    if (slept != 0) co_return;
    now = std::chrono::steady_clock::now();
  }
}

// On a ring with the real clock: every step comes, and then it sleeps.
TEST_F(SlowStartTest, IsMovedOnByItsTask) {
  std::string text = config_text({"a", "b"}, false);
  text.replace(text.find("10s"), 3, "1s");
  make(text);
  state_->publish_health();
  auto ring = Ring::create(64);
  ASSERT_TRUE(ring);
  TaskGroup group(**ring);
  SlowStart slow_start(**ring, *state_);
  slow_start.start(group);
  int updates = 0;
  state_->subscribe([&](const Touched& touched) { updates += touched.health ? 1 : 0; });
  now_ = std::chrono::steady_clock::now();
  ASSERT_TRUE(state_->set_override({"web", "b"}, {.drain = true, .weight = {}}));
  ASSERT_TRUE(state_->set_override({"web", "b"}, {}));
  EXPECT_EQ(tenths("b"), 1);
  EXPECT_FALSE(group.idle()) << "it waits for the next step";
  TaskGroup clock(**ring);
  clock.spawn(follow_clock(**ring, now_, 60));
  (*ring)->run();
  EXPECT_EQ(tenths("b"), 10);
  EXPECT_TRUE(group.idle());
  EXPECT_GE(updates, 3);
  EXPECT_LE(updates, 7) << "not more than five a second";
}

}  // namespace
}  // namespace sluice::control
