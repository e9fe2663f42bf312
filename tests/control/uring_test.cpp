#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "control/uring/ring.h"
#include "control/uring/socket.h"
#include "core/net/address.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct Pair {
  Descriptor ours, theirs;
};

Pair make_pair() {
  std::array<int, 2> files{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, files.data()), 0);
  return {Descriptor(files[0]), Descriptor(files[1])};
}

class RingTest : public testing::Test {
 protected:
  RingTest() {
    auto created = Ring::create(8);
    EXPECT_TRUE(created.has_value()) << created.error().text();
    ring_ = std::move(*created);
  }
  std::unique_ptr<Ring> ring_;
};

Task<int> nested_sleep(Ring& ring, std::chrono::milliseconds time) {
  co_return co_await ring.sleep(time);
}

Task<void> sleep_into(Ring& ring, std::chrono::milliseconds time, int& result) {
  result = co_await nested_sleep(ring, time);
}

Task<void> stop_after(Ring& ring, std::chrono::milliseconds time) {
  co_await ring.sleep(time);
  ring.stop();
}

Task<void> echo(Ring& ring, int socket) {
  std::array<std::uint8_t, 1000> buffer{};
  while (true) {
    const int count = co_await ring.receive(socket, buffer, 1s);
    if (count <= 0) co_return;
    const int sent = co_await send_all(
        ring, socket, std::span(buffer).first(static_cast<std::size_t>(count)), 1s);
    if (sent != 0) co_return;
  }
}

Task<void> talk(Ring& ring, Pair& pair, std::vector<std::uint8_t>& answer) {
  std::vector<std::uint8_t> question(answer.size());
  for (std::size_t i = 0; i < question.size(); ++i) question[i] = static_cast<std::uint8_t>(i);
  std::size_t had = 0;
  for (const std::size_t part : {std::size_t{1}, std::size_t{999}, question.size() - 1000}) {
    EXPECT_EQ(
        co_await send_all(ring, pair.ours.number(), std::span(question).subspan(had, part), 1s), 0);
    for (const std::size_t end = had + part; had < end;) {
      const int count =
          co_await ring.receive(pair.ours.number(), std::span(answer).subspan(had), 1s);
      EXPECT_GT(count, 0);
      if (count <= 0) co_return;
      had += static_cast<std::size_t>(count);
    }
  }
  EXPECT_EQ(answer, question);
  shutdown(pair.ours.number(), SHUT_WR);
}

TEST_F(RingTest, EchoesOverASocketPair) {
  Pair pair = make_pair();
  std::vector<std::uint8_t> answer(50'000);
  TaskGroup group(*ring_);
  group.spawn(echo(*ring_, pair.theirs.number()));
  group.spawn(talk(*ring_, pair, answer));
  ring_->run();
  EXPECT_EQ(answer[1000], static_cast<std::uint8_t>(1000));
}

TEST_F(RingTest, SleepTakesItsTimeAndRunEndsWithTheLastTask) {
  int result = -1;
  TaskGroup group(*ring_);
  const auto start = Clock::now();
  group.spawn(sleep_into(*ring_, 30ms, result));
  EXPECT_FALSE(group.idle());
  ring_->run();
  EXPECT_EQ(result, 0);
  EXPECT_GE(Clock::now() - start, 30ms);
  EXPECT_TRUE(group.idle());
}

Task<void> receive_into(Ring& ring, int socket, Ring::Duration timeout, int& result) {
  std::array<std::uint8_t, 8> buffer{};
  result = co_await ring.receive(socket, buffer, timeout);
}

TEST_F(RingTest, ReceiveTimesOut) {
  const Pair pair = make_pair();
  int result = 1;
  TaskGroup group(*ring_);
  group.spawn(receive_into(*ring_, pair.ours.number(), 20ms, result));
  ring_->run();
  EXPECT_EQ(result, -ETIME);
}

Task<void> cancel_after(Ring& ring, std::chrono::milliseconds time, TaskGroup& group) {
  co_await ring.sleep(time);
  group.cancel();
}

TEST_F(RingTest, CancellingAGroupEndsItsOperationsAndNoOthers) {
  const Pair pair = make_pair();
  int with_timeout = 1, without = 1, asleep = 1, other = 1;
  TaskGroup group(*ring_), others(*ring_);
  group.spawn(receive_into(*ring_, pair.ours.number(), 10s, with_timeout));
  group.spawn(receive_into(*ring_, pair.ours.number(), Ring::no_timeout, without));
  group.spawn(sleep_into(*ring_, 10s, asleep));
  others.spawn(sleep_into(*ring_, 30ms, other));
  others.spawn(cancel_after(*ring_, 5ms, group));
  ring_->run();
  EXPECT_EQ(with_timeout, -ECANCELED);
  EXPECT_EQ(without, -ECANCELED);
  EXPECT_EQ(asleep, -ECANCELED);
  EXPECT_EQ(other, 0);
  EXPECT_TRUE(group.cancelled());
  EXPECT_FALSE(others.cancelled());
}

TEST_F(RingTest, OperationsThatWereNeverSubmittedAreCancelledToo) {
  int asleep = 1;
  TaskGroup group(*ring_);
  group.spawn(sleep_into(*ring_, 10s, asleep));
  group.cancel();
  ring_->run();
  EXPECT_EQ(asleep, -ECANCELED);
}

TEST_F(RingTest, AnOperationBegunInACancelledGroupEndsAtOnce) {
  int asleep = 1;
  TaskGroup group(*ring_);
  group.cancel();
  group.spawn(sleep_into(*ring_, 10s, asleep));
  EXPECT_TRUE(group.idle());
  EXPECT_EQ(asleep, -ECANCELED);
}

TEST_F(RingTest, StopCancelsEverythingAndFinishesTheTasks) {
  const Pair pair = make_pair();
  std::array<int, 100> results;
  results.fill(1);
  TaskGroup group(*ring_), stopper(*ring_);
  for (int& result : results)
    group.spawn(receive_into(*ring_, pair.ours.number(), Ring::no_timeout, result));
  stopper.spawn(stop_after(*ring_, 5ms));
  ring_->run();
  for (const int result : results) EXPECT_EQ(result, -ECANCELED);
  EXPECT_TRUE(TaskGroup(*ring_).cancelled());
}

// Far more operations at once than the submission queue holds.
TEST_F(RingTest, AFullSubmissionQueueLosesNothing) {
  std::vector<int> results(5'000, 1);
  TaskGroup group(*ring_);
  const Pair pair = make_pair();
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (i % 2 == 0)
      group.spawn(sleep_into(*ring_, 5ms, results[i]));
    else
      group.spawn(receive_into(*ring_, pair.ours.number(), 10ms, results[i]));
  }
  ring_->run();
  for (std::size_t i = 0; i < results.size(); ++i) EXPECT_EQ(results[i], i % 2 == 0 ? 0 : -ETIME);
}

Task<void> join_then_note(TaskGroup& group, bool& joined) {
  co_await group.join();
  joined = group.idle();
}

TEST_F(RingTest, JoinEndsWhenTheGroupIsIdle) {
  int first = 1, second = 1;
  bool joined = false;
  TaskGroup group(*ring_), waiter(*ring_);
  group.spawn(sleep_into(*ring_, 5ms, first));
  group.spawn(sleep_into(*ring_, 15ms, second));
  waiter.spawn(join_then_note(group, joined));
  EXPECT_FALSE(joined);
  ring_->run();
  EXPECT_TRUE(joined);
}

// A group that lives in a task is gone right after its join, and its operations' addresses are used
// again by the next.
Task<void> make_groups(Ring& ring, int& rounds) {
  for (; rounds < 1'000; ++rounds) {
    TaskGroup inner(ring);
    int long_sleep = 1, short_sleep = 1;
    inner.spawn(sleep_into(ring, 10s, long_sleep));
    EXPECT_EQ(co_await ring.sleep(0ms), 0);
    inner.cancel();
    co_await inner.join();
    EXPECT_EQ(long_sleep, -ECANCELED);
    TaskGroup next(ring);
    next.spawn(sleep_into(ring, 0ms, short_sleep));
    co_await next.join();
    EXPECT_EQ(short_sleep, 0);
  }
}

TEST_F(RingTest, AGroupCanBeALocalOfATask) {
  int rounds = 0;
  TaskGroup group(*ring_);
  group.spawn(make_groups(*ring_, rounds));
  ring_->run();
  EXPECT_EQ(rounds, 1'000);
}

Task<void> connect_into(Ring& ring, int socket, Endpoint to, int& result) {
  result = co_await ring.connect(socket, to, 1s);
}

TEST_F(RingTest, ConnectGivesTheErrorOfTheSystemCall) {
  const Address loopback = *Address::parse("127.0.0.1");
  auto socket = make_tcp_socket(loopback);
  ASSERT_TRUE(socket.has_value());
  int result = 1;
  TaskGroup group(*ring_);
  group.spawn(connect_into(*ring_, socket->number(), {loopback, Port(1)}, result));
  ring_->run();
  EXPECT_EQ(result, -ECONNREFUSED);
}

Task<void> connect_unix_into(Ring& ring, int socket, std::string path, int& result) {
  result = co_await ring.connect_unix(socket, path, 1s);
}

Task<void> accept_into(Ring& ring, int listener, int& result) {
  result = co_await ring.accept(listener);
}

class ListenUnixTest : public RingTest {
 protected:
  ~ListenUnixTest() override { std::filesystem::remove_all(directory_); }
  std::string directory_ = testing::TempDir() + "uring-" + std::to_string(getpid());
  std::string path_ = directory_ + "/socket";

 private:
  bool made_ = std::filesystem::create_directories(directory_);
};

TEST_F(ListenUnixTest, AcceptsAndIsForItsGroupOnly) {
  const auto listener = listen_unix(path_, "no-such-group");
  ASSERT_TRUE(listener.has_value()) << listener.error().text();
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U);

  const auto socket = make_unix_socket();
  int connected = 1, accepted = -1;
  TaskGroup group(*ring_);
  group.spawn(accept_into(*ring_, listener->number(), accepted));
  group.spawn(connect_unix_into(*ring_, socket->number(), path_, connected));
  ring_->run();
  EXPECT_EQ(connected, 0);
  EXPECT_GE(accepted, 0);
  const Descriptor owner(accepted);
}

// A killed process's socket may go on answering for a while, so a live one is replaced as well.
TEST_F(ListenUnixTest, ReplacesASocketButNothingElse) {
  {
    const auto dead = listen_unix(path_, "");
  }
  const auto first = listen_unix(path_, "");
  ASSERT_TRUE(first.has_value()) << first.error().text();
  const auto second = listen_unix(path_, "");
  ASSERT_TRUE(second.has_value()) << second.error().text();
  EXPECT_FALSE(listen_unix(directory_, "").has_value());
}

TEST_F(ListenUnixTest, RefusesAPathThatIsTooLong) {
  const std::string path(200, 'x');
  EXPECT_FALSE(listen_unix(path, "").has_value());
  const auto socket = make_unix_socket();
  int connected = 1;
  TaskGroup group(*ring_);
  group.spawn(connect_unix_into(*ring_, socket->number(), path, connected));
  EXPECT_EQ(connected, -ENAMETOOLONG);
}

Task<void> readable_into(Ring& ring, int file, Ring::Duration timeout, int& result) {
  result = co_await ring.readable(file, timeout);
}

Task<void> read_into(Ring& ring, int file, std::span<std::uint8_t> into, int& result) {
  result = co_await ring.read(file, into);
}

TEST_F(RingTest, ReadsAFileThatIsNoSocket) {
  const Descriptor event(eventfd(0, EFD_CLOEXEC));
  int readable = 0, count = 0;
  std::array<std::uint8_t, 8> buffer{};
  TaskGroup group(*ring_);
  group.spawn(readable_into(*ring_, event.number(), 1s, readable));
  group.spawn(read_into(*ring_, event.number(), buffer, count));
  ASSERT_EQ(eventfd_write(event.number(), 7), 0);
  ring_->run();
  EXPECT_GE(readable, 0);
  EXPECT_EQ(count, 8);
  EXPECT_EQ(buffer[0], 7);
}

// What a daemon waits for most of its life.
TEST_F(ListenUnixTest, StopEndsEveryKindOfWaiting) {
  const auto listener = listen_unix(path_, "");
  ASSERT_TRUE(listener.has_value()) << listener.error().text();
  const Descriptor event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const Descriptor file(eventfd(0, EFD_CLOEXEC));
  const Pair pair = make_pair();
  int accepted = 1, readable = 1, count = 1, received = 1, slept = 1;
  std::array<std::uint8_t, 8> buffer{};
  TaskGroup group(*ring_);
  group.spawn(accept_into(*ring_, listener->number(), accepted));
  group.spawn(readable_into(*ring_, event.number(), Ring::no_timeout, readable));
  group.spawn(read_into(*ring_, file.number(), buffer, count));
  group.spawn(receive_into(*ring_, pair.ours.number(), Ring::no_timeout, received));
  group.spawn(sleep_into(*ring_, 10s, slept));
  group.spawn(stop_after(*ring_, 5ms));
  ring_->run();
  for (const int result : {accepted, readable, count, received, slept})
    EXPECT_EQ(result, -ECANCELED);
}

}  // namespace
}  // namespace sluice::control
