#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/health/checker.h"
#include "control/health/http_answer.h"
#include "control/health/probe.h"
#include "tests/control/canned_server.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;
using Manner = CannedServer::Manner;

const Address loopback = *Address::parse("127.0.0.1");
constexpr std::string_view ok_answer =
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
constexpr std::string_view broken_answer = "HTTP/1.1 503 Service Unavailable\r\n\r\n";

HealthConfig probe_of(ProbeType type, std::chrono::milliseconds timeout = 500ms) {
  HealthConfig out;
  out.type = type;
  out.timeout = timeout;
  return out;
}

TEST(HttpStatus, TakesWholeHeaderSections) {
  EXPECT_EQ(http_status("HTTP/1.1 200 OK\r\n\r\n"), 200);
  EXPECT_EQ(http_status("HTTP/1.0 404 \r\nA: b\r\n\r\nbody"), 404);
  EXPECT_EQ(http_status("HTTP/1.1 599 \xc3\xa9\tx\r\n\r\n"), 599);
  EXPECT_EQ(http_status("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n"), 204);
}

TEST(HttpStatus, WaitsForMoreOfEveryPrefix) {
  const std::string_view whole = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto status = http_status(whole.substr(0, length));
    ASSERT_TRUE(status.has_value()) << length;
    EXPECT_EQ(*status, std::nullopt) << length;
  }
}

TEST(HttpStatus, RefusesWhatIsNotHttp1) {
  for (const std::string_view text :
       {"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.x 200 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 2a0 OK\r\n\r\n",
        "HTTP/1.1 200 O\x01K\r\n\r\n", "HTTP/1.1 200 OK\n\n\r\n", "http/1.1 200 OK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n", "X"})
    EXPECT_FALSE(http_status(text).has_value()) << text;
  EXPECT_EQ(http_status("SSH-2.0\x1b[2J\r\n").error(), "the answer is not HTTP/1: \"SSH-2.0?[2J\"");
}

TEST(HttpRequest, NamesTheHostAsRfc9110Wants) {
  ProbeTarget target{.name = {"web", "web1"},
                     .endpoint = {*Address::parse("2001:db8::1"), Port(80)},
                     .probe = probe_of(ProbeType::http)};
  target.probe.path = "/healthz?x=1";
  EXPECT_EQ(http_request(target),
            "GET /healthz?x=1 HTTP/1.1\r\nHost: [2001:db8::1]\r\nUser-Agent: sluice/" SLUICE_VERSION
            "\r\nAccept: */*\r\nConnection: close\r\n\r\n");
  target.endpoint = {*Address::parse("192.0.2.1"), Port(8080)};
  EXPECT_NE(http_request(target).find("Host: 192.0.2.1:8080\r\n"), std::string::npos);
  target.probe.host = "www.example.org";
  EXPECT_NE(http_request(target).find("Host: www.example.org\r\n"), std::string::npos);
}

TEST(ProbeTargets, UseTheProbesPortThenTheBackendsThenTheServices) {
  Config config;
  ServiceConfig& service = config.services.emplace_back();
  service.name = "web";
  service.ports = {Port(80), Port(81)};
  for (const Port port : {Port{}, Port(8080)}) {
    BackendConfig& backend = service.backends.emplace_back();
    backend.name = "web" + std::to_string(port.value());
    backend.address = loopback;
    backend.port = port;
  }
  EXPECT_TRUE(probe_targets(config).empty());
  service.health.type = ProbeType::tcp;
  EXPECT_EQ(probe_targets(config).at(0).endpoint.port, Port(80));
  EXPECT_EQ(probe_targets(config).at(1).endpoint.port, Port(8080));
  service.health.port = Port(99);
  EXPECT_EQ(probe_targets(config).at(1).endpoint.port, Port(99));
}

Task<void> probe_into(Ring& ring, ProbeTarget target, ProbeResult& result) {
  result = co_await run_probe(ring, std::move(target));
}

ProbeResult probe(const Endpoint& endpoint, HealthConfig settings) {
  auto ring = *Ring::create(8);
  ProbeResult result;
  TaskGroup group(*ring);
  group.spawn(probe_into(
      *ring, {.name = {"web", "web1"}, .endpoint = endpoint, .probe = std::move(settings)},
      result));
  ring->run();
  return result;
}

constexpr std::chrono::milliseconds short_time = 100ms;

HealthConfig http_probe() { return probe_of(ProbeType::http, short_time); }

TEST(Probe, TcpSucceedsWhenTheServerAccepts) {
  const CannedServer server(loopback, "");
  const ProbeResult result = probe(server.endpoint(), probe_of(ProbeType::tcp));
  EXPECT_TRUE(result.success);
  EXPECT_EQ(result.reason, "connected");
}

TEST(Probe, SaysWhatTheSystemCallSaid) {
  const ProbeResult result = probe({loopback, Port(1)}, probe_of(ProbeType::tcp));
  EXPECT_FALSE(result.success);
  EXPECT_EQ(result.reason, "connect: Connection refused");
}

TEST(Probe, HttpAcceptsTheStatusRangeOnly) {
  CannedServer server(loopback, std::string(ok_answer));
  EXPECT_TRUE(probe(server.endpoint(), http_probe()).success);
  EXPECT_TRUE(server.last_request().starts_with("GET / HTTP/1.1\r\n"));
  server.set_answer(std::string(broken_answer));
  const ProbeResult result = probe(server.endpoint(), http_probe());
  EXPECT_FALSE(result.success);
  EXPECT_EQ(result.reason, "HTTP status 503, wanted 200 to 399");
}

TEST(Probe, TheDeadlineIsForTheWholeProbe) {
  // Each byte comes well within the timeout, the whole answer does not.
  for (const Manner manner : {Manner::byte_by_byte, Manner::never}) {
    const CannedServer server(loopback, std::string(ok_answer), manner);
    const auto start = std::chrono::steady_clock::now();
    const ProbeResult result = probe(server.endpoint(), http_probe());
    EXPECT_EQ(result.reason, "receive: timed out");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10 * short_time);
  }
}

TEST(Probe, AnswersThatBreakOffOrNeverEndAreFailures) {
  CannedServer server(loopback, "");
  EXPECT_EQ(probe(server.endpoint(), http_probe()).reason,
            "the server closed the connection without an answer");
  server.set_answer("HTTP/1.1 200 OK\r\nA: ");
  EXPECT_EQ(probe(server.endpoint(), http_probe()).reason,
            "the server closed the connection within its answer");
  server.set_answer("HTTP/1.1 200 OK\r\nA: " + std::string(200'000, 'x'));
  EXPECT_EQ(probe(server.endpoint(), http_probe()).reason,
            "the header of the answer is longer than 64 KiB");
  server.set_answer("220 mail.example.org ESMTP\r\n");
  EXPECT_EQ(probe(server.endpoint(), http_probe()).reason,
            "the answer is not HTTP/1: \"220 mail.example.org ESMTP\"");
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

Task<void> probe_many(Ring& ring, std::vector<ProbeTarget> targets, int rounds, int& successes,
                      std::size_t& most_descriptors) {
  for (int i = 0; i < rounds; ++i)
    for (const ProbeTarget& target : targets) {
      const ProbeResult result = co_await run_probe(ring, target);
      successes += result.success ? 1 : 0;
      if (i % 50 == 0) most_descriptors = std::max(most_descriptors, open_descriptors());
    }
}

TEST(Probe, TenThousandLeaveNoDescriptorBehind) {
  constexpr int tasks = 8;
  constexpr int rounds = 417;  // of three probes, by each task
  const CannedServer server(loopback, std::string(ok_answer));
  const HealthConfig patient = probe_of(ProbeType::http, 10s);
  const std::vector<ProbeTarget> targets = {
      {.name = {}, .endpoint = server.endpoint(), .probe = patient},
      {.name = {}, .endpoint = {loopback, Port(1)}, .probe = patient},
      {.name = {}, .endpoint = server.endpoint(), .probe = probe_of(ProbeType::tcp)}};
  auto ring = *Ring::create(8);
  const std::size_t before = open_descriptors();
  std::size_t most = 0;
  int successes = 0;
  TaskGroup group(*ring);
  for (int i = 0; i < tasks; ++i) group.spawn(probe_many(*ring, targets, rounds, successes, most));
  ring->run();
  EXPECT_GE(successes, tasks * rounds * 2 * 99 / 100);
  // One a probe under way, one at the server, one to look into the directory.
  EXPECT_LE(most, before + tasks + 2);
  // The server may still be closing its last connection.
  for (int i = 0; i < 100 && open_descriptors() > before; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(open_descriptors(), before);
}

// The checker takes its targets from a configuration, which loopback addresses are not allowed in:
// so the tests have a network of their own, with one more address.
class CheckerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { has_network_ = unshare(CLONE_NEWNET) == 0 && bring_up_loopback(); }
  void SetUp() override {
    if (!has_network_) GTEST_SKIP() << "needs root, to make a network namespace";
    std::filesystem::create_directories(directory_ / "state");
    ring_ = *Ring::create(64);
  }
  ~CheckerTest() override { std::filesystem::remove_all(directory_); }

  static bool bring_up_loopback() {
    const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::string("lo").copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_UP;
    if (ioctl(socket.number(), SIOCSIFFLAGS, &request) != 0) return false;
    std::string("lo:1").copy(request.ifr_name, IFNAMSIZ - 1);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    const auto bytes = server_address().ipv4().bytes;
    std::memcpy(&address.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&request.ifr_addr, &address, sizeof address);
    return ioctl(socket.number(), SIOCSIFADDR, &request) == 0;
  }
  static Address server_address() { return *Address::parse("198.51.100.1"); }

  // Service "web" with the backends named, all at the one address; `health` tells where they are
  // probed.
  void write_config(const std::vector<std::string>& backends, const std::string& health) const {
    std::ofstream out(directory_ / "sluice.toml");
    out << "[[port]]\nname = \"wan0\"\ndriver = \"vdev\"\ndevice = \"net_null0\"\n"
        << "[[service]]\nname = \"web\"\nvip = \"203.0.113.10\"\nport = 80\nslots = 251\n"
        << "health = { interval = \"50ms\", timeout = \"50ms\", " << health << " }\n";
    for (const std::string& name : backends)
      out << "[[service.backend]]\nname = \"" << name << "\"\naddress = \""
          << server_address().text() << "\"\n";
  }
  static std::string http_at(const CannedServer& server) {
    return "type = \"http\", port = " + std::to_string(server.endpoint().port.value());
  }
  [[nodiscard]] State::Options options() const {
    return {.config_path = directory_ / "sluice.toml", .state_dir = directory_ / "state"};
  }

  std::unique_ptr<Ring> ring_;

 private:
  inline static bool has_network_ = false;
  std::filesystem::path directory_ =
      std::filesystem::path(testing::TempDir()) / ("health-" + std::to_string(getpid()));
};

TargetState published(const State& state, const std::string& backend) {
  for (const Health::Entry& entry : state.health().whole().entries)
    if (entry.backend == backend) return entry.state;
  return TargetState::unknown;
}

Task<void> wait_for(Ring& ring, const State& state, std::string backend, TargetState wanted) {
  for (int i = 0; i < 500 && published(state, backend) != wanted; ++i) co_await ring.sleep(10ms);
  EXPECT_EQ(published(state, backend), wanted) << backend;
}

Task<void> fail_and_recover(Ring& ring, const State& state, const Checker& checker,
                            CannedServer& server) {
  EXPECT_EQ(checker.last_probe({"web", "web1"}), nullptr);
  co_await wait_for(ring, state, "web1", TargetState::up);
  EXPECT_EQ(state.health_notes().at({"web", "web1"}).reason, "HTTP status 200");
  server.set_answer(std::string(broken_answer));
  co_await wait_for(ring, state, "web1", TargetState::down);
  EXPECT_EQ(state.health_notes().at({"web", "web1"}).reason, "HTTP status 503, wanted 200 to 399");
  const ProbeRecord* last = checker.last_probe({"web", "web1"});
  EXPECT_TRUE(last != nullptr && !last->success && last->latency.count() > 0);
  server.set_answer(std::string(ok_answer));
  co_await wait_for(ring, state, "web1", TargetState::up);
  ring.stop();
}

TEST_F(CheckerTest, TellsTheStateOfFlips) {
  CannedServer server(server_address(), std::string(ok_answer));
  write_config({"web1"}, http_at(server));
  State state(options());
  ASSERT_TRUE(state.load().has_value());
  int told = 0;
  state.subscribe([&told](const Touched& touched) { told += touched.health ? 1 : 0; });
  Checker checker(*ring_, state);
  TaskGroup group(*ring_);
  checker.start();
  group.spawn(fail_and_recover(*ring_, state, checker, server));
  ring_->run();
  EXPECT_EQ(told, 3);
}

Task<void> wait_for_all(Ring& ring, const State& state, TargetState wanted) {
  for (const char* name : {"web1", "web2", "web3"}) co_await wait_for(ring, state, name, wanted);
  ring.stop();
}

// Nothing is published before every backend has its first verdict.
TEST_F(CheckerTest, AServerThatNeverAnswersIsDown) {
  const CannedServer server(server_address(), "", Manner::never);
  write_config({"web1", "web2", "web3"}, http_at(server));
  State state(options());
  ASSERT_TRUE(state.load().has_value());
  int told = 0;
  state.subscribe([&told](const Touched& touched) { told += touched.health ? 1 : 0; });
  Checker checker(*ring_, state);
  TaskGroup group(*ring_);
  checker.start();
  group.spawn(wait_for_all(*ring_, state, TargetState::down));
  EXPECT_FALSE(state.health_settled());
  ring_->run();
  EXPECT_TRUE(state.health_settled());
  EXPECT_EQ(told, 1);
}

// web1 stays, web2 goes, web3 comes; then the thresholds change, and what is known is kept.
class ReloadTest : public CheckerTest {
 protected:
  Task<void> change_backends(State& state, const Checker& checker, const CannedServer& server) {
    co_await wait_for(*ring_, state, "web1", TargetState::up);
    co_await wait_for(*ring_, state, "web2", TargetState::up);
    const ProbeRecord* before = checker.last_probe({"web", "web1"});
    write_config({"web1", "web3"}, http_at(server));
    EXPECT_TRUE(state.reload().has_value());
    EXPECT_EQ(checker.last_probe({"web", "web1"}), before);  // the same watch goes on
    EXPECT_EQ(checker.last_probe({"web", "web2"}), nullptr);
    co_await wait_for(*ring_, state, "web3", TargetState::up);

    write_config({"web1", "web3"}, http_at(server) + ", fall = 5");
    EXPECT_TRUE(state.reload().has_value());
    EXPECT_EQ(published(state, "web3"), TargetState::up);
    EXPECT_NE(checker.last_probe({"web", "web3"}), nullptr);

    write_config({"web1"}, "type = \"none\"");
    EXPECT_TRUE(state.reload().has_value());
    co_await ring_->sleep(60ms);
    const int connections = server.connections();
    co_await ring_->sleep(150ms);
    EXPECT_EQ(server.connections(), connections);
    ring_->stop();
  }
};

TEST_F(ReloadTest, LeavesUnchangedTargetsAlone) {
  const CannedServer server(server_address(), std::string(ok_answer));
  write_config({"web1", "web2"}, http_at(server));
  State state(options());
  ASSERT_TRUE(state.load().has_value());
  Checker checker(*ring_, state);
  TaskGroup group(*ring_);
  checker.start();
  group.spawn(change_backends(state, checker, server));
  ring_->run();
}

}  // namespace
}  // namespace sluice::control
