#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

#include "control/publish/publisher.h"
#include "control/state/state.h"
#include "control/uring/socket.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// The data plane's end of the socket, as tasks of the test's own ring.
class FakeDataPlane {
 public:
  FakeDataPlane(Ring& ring, std::string path) : ring_(ring), path_(std::move(path)) {}

  Task<void> listen_and_accept() {
    auto listener = listen_unix(path_, "");
    EXPECT_TRUE(listener.has_value()) << listener.error().text();
    listener_ = std::move(*listener);
    client_ = Descriptor(co_await ring_.accept(listener_.number()));
    EXPECT_TRUE(static_cast<bool>(client_));
  }

  /// The next message; nothing when the publisher is silent for a while.
  Task<std::optional<MessageReader::Message>> next() {
    std::vector<std::uint8_t> buffer(100'000);
    while (true) {
      if (auto message = reader_.next()) co_return message;
      const int count = co_await ring_.receive(client_.number(), buffer, 500ms);
      if (count <= 0) co_return std::nullopt;
      reader_.feed(std::span(buffer).first(static_cast<std::size_t>(count)));
    }
  }

  Task<void> expect(MessageType type, std::uint64_t generation) {
    const auto message = co_await next();
    EXPECT_TRUE(message.has_value());
    if (!message) co_return;
    EXPECT_EQ(message->header.type, type);
    EXPECT_EQ(message->header.generation, generation);
  }

  /// What every connection begins with.
  Task<void> expect_everything(const State& state) {
    if (state.health_settled()) co_await expect(MessageType::health, state.health_generation());
    co_await expect(MessageType::paths, state.paths_generation());
    const auto config = co_await next();
    EXPECT_TRUE(config && config->header.type == MessageType::config &&
                config->header.generation == state.config_generation() &&
                decode<Config>(config->body) == state.config());
  }

  Task<void> send(std::vector<std::uint8_t> bytes) {
    EXPECT_EQ(co_await send_all(ring_, client_.number(), bytes, 1s), 0);
  }

  /// Dies: the socket's file stays, as after kill -9.
  void die() {
    client_ = {};
    listener_ = {};
    reader_ = {};
  }

 private:
  Ring& ring_;
  std::string path_;
  Descriptor listener_;
  Descriptor client_;
  MessageReader reader_;
};

Report report_with(std::string error) {
  Report out;
  out.pid = 7;
  out.version = "test";
  out.forwarding = error.empty();
  out.error = std::move(error);
  return out;
}

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() {
    fs::create_directories(directory_ / "state");
    write_config("10.0.1.11");
    EXPECT_TRUE(state_.load().has_value());
    publisher_.start(group_);
  }
  ~PublisherTest() override { fs::remove_all(directory_); }

  void write_config(const std::string& address) const {
    std::ofstream(directory_ / "sluice.toml")
        << "[[port]]\nname = \"wan0\"\ndriver = \"vdev\"\ndevice = \"net_null0\"\n"
        << "[[service]]\nname = \"web\"\nvip = \"203.0.113.10\"\nport = 80\nslots = 251\n"
        << "health = { type = \"tcp\" }\n"
        << "[[service.backend]]\nname = \"web1\"\naddress = \"" << address << "\"\n";
  }
  void run(Task<void> script) {
    group_.spawn(std::move(script));
    ring_->run();
  }
  // Until the state has, or has lost, the report.
  Task<void> wait_for_report(bool there) {
    for (int i = 0; i < 100 && state_.report().has_value() != there; ++i)
      co_await ring_->sleep(10ms);
    EXPECT_EQ(state_.report().has_value(), there);
  }

  Task<void> say_everything_and_then_what_changes() {
    co_await plane_.listen_and_accept();
    co_await plane_.expect_everything(state_);

    state_.set_health({"web", "web1"}, TargetState::down, "test");
    state_.publish_health();
    co_await plane_.expect(MessageType::health, state_.health_generation());

    const std::uint64_t since = state_.health_generation();
    state_.set_health({"web", "web1"}, TargetState::up, "test");
    state_.publish_health();
    const auto change = co_await plane_.next();
    const HealthChange wanted{since, {{"web", "web1", TargetState::up}}};
    EXPECT_TRUE(change && change->header.type == MessageType::health_change &&
                change->header.generation == state_.health_generation() &&
                decode<HealthChange>(change->body) == wanted);

    EXPECT_TRUE(state_.set_override({"web", "web1"}, {.drain = true, .weight = {}}).has_value());
    co_await plane_.expect(MessageType::config, state_.config_generation());

    const auto silence = co_await plane_.next();
    EXPECT_FALSE(silence.has_value());

    plane_.die();
    co_await plane_.listen_and_accept();
    co_await plane_.expect_everything(state_);
    ring_->stop();
  }

  Task<void> come_late_and_come_back() {
    co_await ring_->sleep(300ms);  // the publisher was there first, and goes on trying
    co_await plane_.listen_and_accept();
    co_await plane_.expect_everything(state_);
    const Report report = report_with("");
    co_await plane_.send(make_message(MessageType::report, 0, report));
    co_await wait_for_report(true);
    EXPECT_EQ(state_.report(), report);

    plane_.die();
    co_await wait_for_report(false);
    write_config("10.0.1.12");
    EXPECT_TRUE(state_.reload().has_value());

    co_await plane_.listen_and_accept();
    co_await plane_.expect_everything(state_);
    ring_->stop();
  }

  Task<void> report_in_pieces() {
    co_await plane_.listen_and_accept();
    co_await plane_.expect_everything(state_);
    Report report = report_with("cannot open port wan0");
    report.rejected_generation = state_.config_generation();
    const auto bytes = make_message(MessageType::report, 0, report);
    for (const std::uint8_t byte : bytes) {
      co_await plane_.send(std::vector<std::uint8_t>(1, byte));
      co_await ring_->sleep(0ms);
    }
    co_await wait_for_report(true);
    EXPECT_EQ(state_.report(), report);
    ring_->stop();
  }

  Task<void> talk_nonsense(std::vector<std::uint8_t> bytes) {
    co_await plane_.listen_and_accept();
    co_await plane_.expect_everything(state_);
    co_await plane_.send(make_message(MessageType::report, 0, report_with("")));
    co_await wait_for_report(true);
    co_await plane_.send(std::move(bytes));
    co_await wait_for_report(false);
    ring_->stop();
  }

 private:
  fs::path directory_ = fs::path(testing::TempDir()) / ("publish-" + std::to_string(getpid()));
  std::unique_ptr<Ring> ring_ = *Ring::create(64);
  State state_{{.config_path = directory_ / "sluice.toml", .state_dir = directory_ / "state"}};
  FakeDataPlane plane_{*ring_, directory_ / "dataplane.sock"};
  Publisher publisher_{*ring_, state_, directory_ / "dataplane.sock"};
  TaskGroup group_{*ring_};
};

TEST_F(PublisherTest, SaysEverythingAndThenOnlyWhatChanges) {
  run(say_everything_and_then_what_changes());
}

TEST_F(PublisherTest, ADataPlaneThatComesLateOrComesBackIsToldEverything) {
  run(come_late_and_come_back());
}

TEST_F(PublisherTest, TakesAReportInPieces) { run(report_in_pieces()); }

TEST_F(PublisherTest, HangsUpOnAnotherProtocol) {
  run(talk_nonsense(std::vector<std::uint8_t>(24, 'x')));
}

TEST_F(PublisherTest, HangsUpOnAMessageThatIsNoReport) {
  run(talk_nonsense(make_message(MessageType::config, 1, Config{})));
}

TEST_F(PublisherTest, HangsUpOnAReportOfAnotherShape) {
  run(talk_nonsense(make_message(MessageType::report, 0, std::string("no report"))));
}

}  // namespace
}  // namespace sluice::control
