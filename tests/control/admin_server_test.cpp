#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <functional>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "control/admin/server.h"
#include "control/health/checker.h"
#include "tests/control/admin_fixture.h"

namespace sluice::control::test {
namespace {

using testing::HasSubstr;

// A blocking client of the control socket.
int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{.tv_sec = 20, .tv_usec = 0};
  setsockopt(out, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  EXPECT_EQ(connect(out, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return out;
}

std::string receive_all(int socket) {
  std::string out;
  char piece[4'096];
  for (ssize_t length = 0; (length = recv(socket, piece, sizeof piece, 0)) > 0;)
    out.append(piece, static_cast<std::size_t>(length));
  return out;
}

std::string ask(const std::string& path, std::string_view request) {
  const int socket = connect_to(path);
  EXPECT_EQ(send(socket, request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string out = receive_all(socket);
  close(socket);
  return out;
}

Task<void> stop_when_readable(Ring& ring, int file) {
  (void)co_await ring.readable(file, Ring::no_timeout);
  ring.stop();
}

class AdminServerTest : public AdminTest {
 protected:
  // Runs the server for as long as `client` runs in a thread of its own.
  void serve(const std::function<void(const std::string& socket_path)>& client) {
    auto ring = Ring::create(256);
    ASSERT_TRUE(ring) << ring.error().text();
    TaskGroup group(**ring);
    const Checker checker(**ring, state_);
    const std::string path = run_dir() + "/control.sock";
    AdminServer server(**ring, state_, checker,
                       {.socket_path = path, .group = "", .run_dir = run_dir()});
    const auto started = server.start(group);
    ASSERT_TRUE(started) << started.error().text();
    int ends[2] = {-1, -1};
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    group.spawn(stop_when_readable(**ring, ends[0]));
    std::thread thread([&] {
      client(path);
      close(ends[1]);
    });
    (*ring)->run();
    thread.join();
    close(ends[0]);
  }
};

constexpr std::string_view status_call =
    "GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

TEST_F(AdminServerTest, AnswersHundredsOfParallelCalls) {
  serve([](const std::string& path) {
    std::vector<std::thread> threads;
    std::atomic<int> answered = 0;
    for (int i = 0; i < 400; ++i)
      threads.emplace_back([&] {
        if (ask(path, status_call).starts_with("HTTP/1.1 200 OK")) ++answered;
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(answered, 400);
  });
}

TEST_F(AdminServerTest, MoreConnectionsWaitUntilOthersClose) {
  serve([](const std::string& path) {
    std::vector<int> idle;
    for (std::size_t i = 0; i < AdminServer::connections_max; ++i) idle.push_back(connect_to(path));
    std::string late;
    std::thread waiting([&] { late = ask(path, status_call); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_TRUE(late.empty());
    for (const int socket : idle) close(socket);
    waiting.join();
    EXPECT_TRUE(late.starts_with("HTTP/1.1 200 OK"));
  });
}

TEST_F(AdminServerTest, KeepsTheConnectionAndContinues) {
  serve([](const std::string& path) {
    const std::string both = ask(path,
                                 "GET /v1/services HTTP/1.1\r\nHost: x\r\n\r\n"
                                 "HEAD /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"
                                 "POST /v1/check HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                                 "Content-Length: 1\r\nConnection: close\r\n\r\n#");
    EXPECT_THAT(both, HasSubstr("\"services\""));
    EXPECT_THAT(both, HasSubstr("422 Unprocessable Content"));

    const int socket = connect_to(path);
    constexpr std::string_view head =
        "POST /v1/check HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n"
        "Connection: close\r\n\r\n";
    EXPECT_GT(send(socket, head.data(), head.size(), MSG_NOSIGNAL), 0);
    char interim[continue_bytes.size()];
    EXPECT_EQ(recv(socket, interim, sizeof interim, MSG_WAITALL), ssize_t{sizeof interim});
    EXPECT_EQ(std::string_view(interim, sizeof interim), continue_bytes);
    EXPECT_EQ(send(socket, "#", 1, MSG_NOSIGNAL), 1);
    EXPECT_THAT(receive_all(socket), HasSubstr("422 Unprocessable Content"));
    close(socket);
  });
}

TEST_F(AdminServerTest, RefusesAndCloses) {
  serve([](const std::string& path) {
    EXPECT_THAT(ask(path, "nonsense\r\n\r\n"), HasSubstr("400 Bad Request"));
    const std::string large =
        ask(path, "POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 17000000\r\n\r\n");
    EXPECT_THAT(large, HasSubstr("413 Content Too Large"));
    EXPECT_THAT(large, HasSubstr("Connection: close"));
  });
}

}  // namespace
}  // namespace sluice::control::test
