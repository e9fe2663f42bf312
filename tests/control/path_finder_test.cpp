#include "control/netlink/path_finder.h"

#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <string>
#include <unistd.h>

namespace sluice::control {
namespace {

using namespace std::chrono_literals;

Address address(std::string_view text) { return Address::parse(text).value(); }
MacAddress mac(std::string_view text) { return MacAddress::parse(text).value(); }

constexpr std::string_view own_mac = "02:00:00:00:00:01";
constexpr std::string_view peer_mac = "02:00:00:00:00:02";

// Two network namespaces of its own, joined by a veth pair: "wan0" here, "peer0" there,
// with 10.9.0.1 and .2, 2001:db8:9::1 and ::2. The process is back in the namespace it came from
// after each test.
class PathFinderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for network namespaces";
    home_ = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(home_, 0);
    peer_ = make_namespace();
    own_ = make_namespace();
    ASSERT_GE(peer_, 0);
    ASSERT_GE(own_, 0);
    run("ip link set lo up");
    run("ip link add wan0 address " + std::string(own_mac) + " type veth peer name peer0 address " +
        std::string(peer_mac));
    run("ip link set peer0 netns /proc/" + std::to_string(::getpid()) + "/fd/" +
        std::to_string(peer_));
    run("ip address add 10.9.0.1/24 dev wan0");
    run("ip address add 2001:db8:9::1/64 dev wan0 nodad");
    run("ip link set wan0 up");
    run_at_peer("ip address add 10.9.0.2/24 dev peer0");
    run_at_peer("ip address add 2001:db8:9::2/64 dev peer0 nodad");
    run_at_peer("ip link set peer0 up");
    auto opened = PathFinder::open();
    ASSERT_TRUE(opened) << opened.error().text();
    finder_.emplace(std::move(*opened));
  }

  void TearDown() override {
    finder_.reset();
    if (home_ < 0) return;
    EXPECT_EQ(::setns(home_, CLONE_NEWNET), 0);
    for (const int descriptor : {home_, peer_, own_})
      if (descriptor >= 0) ::close(descriptor);
  }

  // The process is in it afterwards.
  static int make_namespace() {
    if (::unshare(CLONE_NEWNET) != 0) return -1;
    return ::open("/proc/self/ns/net", O_RDONLY);
  }
  static void run(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  void run_at_peer(const std::string& command) {
    ASSERT_EQ(::setns(peer_, CLONE_NEWNET), 0);
    run(command);
    ASSERT_EQ(::setns(own_, CLONE_NEWNET), 0);
  }

  [[nodiscard]] Paths find(const std::vector<std::string_view>& destinations) {
    std::vector<Address> all;
    for (const auto text : destinations) all.push_back(address(text));
    PortConfig port;
    port.name = "front";
    port.device = "wan0";
    return finder_->find(all, {port});
  }
  // As sluiced does: looks again when the kernel says that something changed, and only then.
  [[nodiscard]] Paths find_until(const std::vector<std::string_view>& destinations,
                                 const std::function<bool(const Paths&)>& done) {
    // The first packets on a new veth may be lost, and the kernel gives up a neighbour, and lets it
    // be asked for again, after three seconds.
    const auto deadline = std::chrono::steady_clock::now() + 15s;
    Paths paths = find(destinations);
    while (!done(paths) && std::chrono::steady_clock::now() < deadline)
      if (wait_for_change(200ms)) paths = find(destinations);
    return paths;
  }
  [[nodiscard]] Paths find_all(const std::vector<std::string_view>& destinations) {
    return find_until(destinations, [&](const Paths& paths) {
      return paths.entries.size() == destinations.size();
    });
  }
  [[nodiscard]] Paths find_none(const std::vector<std::string_view>& destinations) {
    return find_until(destinations, [](const Paths& paths) { return paths.entries.empty(); });
  }
  [[nodiscard]] bool wait_for_change(std::chrono::milliseconds patience) {
    pollfd wanted{.fd = finder_->changes(), .events = POLLIN, .revents = 0};
    if (::poll(&wanted, 1, static_cast<int>(patience.count())) <= 0) return false;
    return finder_->drain_changes();
  }

  std::optional<PathFinder> finder_;

 private:
  int home_ = -1;
  int peer_ = -1;
  int own_ = -1;
};

TEST_F(PathFinderTest, ResolvesNeighboursOnLink) {
  const Paths paths = find_all({"2001:db8:9::2", "10.9.0.2"});
  const Path on_ipv4{.destination = address("10.9.0.2"),
                     .port = "front",
                     .source_mac = mac(own_mac),
                     .next_hop_mac = mac(peer_mac),
                     .source = address("10.9.0.1"),
                     .next_hop = address("10.9.0.2"),
                     .mtu_bytes = 1500};
  Path on_ipv6 = on_ipv4;
  on_ipv6.destination = on_ipv6.next_hop = address("2001:db8:9::2");
  on_ipv6.source = address("2001:db8:9::1");
  // ::ffff:10.9.0.2 sorts before 2001:...
  EXPECT_EQ(paths.entries, (std::vector{on_ipv4, on_ipv6}));
}

TEST_F(PathFinderTest, LeavesOutWhatIsNotResolvedYet) {
  EXPECT_TRUE(find({"10.9.0.2"}).entries.empty());
  EXPECT_TRUE(find({"10.9.0.77"}).entries.empty());
}

TEST_F(PathFinderTest, GoesThroughGateways) {
  run("ip route add 10.77.0.0/16 via 10.9.0.2");
  run("ip route add 2001:db8:77::/48 via 2001:db8:9::2");
  const Paths paths = find_all({"10.77.1.2", "2001:db8:77::5"});
  ASSERT_EQ(paths.entries.size(), 2U);
  EXPECT_EQ(paths.entries[0].next_hop, address("10.9.0.2"));
  EXPECT_EQ(paths.entries[0].next_hop_mac, mac(peer_mac));
  EXPECT_EQ(paths.entries[0].source, address("10.9.0.1"));
  EXPECT_EQ(paths.entries[1].next_hop, address("2001:db8:9::2"));
  EXPECT_EQ(paths.entries[1].next_hop_mac, mac(peer_mac));
}

TEST_F(PathFinderTest, GoesThroughAnIpv6GatewayForIpv4) {
  run("ip route add 10.78.0.0/16 via inet6 2001:db8:9::2 dev wan0");
  const Paths paths = find_all({"10.78.1.2"});
  ASSERT_EQ(paths.entries.size(), 1U);
  EXPECT_EQ(paths.entries[0].next_hop, address("2001:db8:9::2"));
  EXPECT_EQ(paths.entries[0].source, address("10.9.0.1"));
}

TEST_F(PathFinderTest, TakesTheSourceThatTheRoutePrefers) {
  run("ip address add 10.9.5.5/32 dev wan0");
  run("ip route add 10.79.0.0/16 via 10.9.0.2 src 10.9.5.5");
  const Paths paths = find_all({"10.79.0.1"});
  ASSERT_EQ(paths.entries.size(), 1U);
  EXPECT_EQ(paths.entries[0].source, address("10.9.5.5"));
}

TEST_F(PathFinderTest, TakesTheSmallerMtuOfRouteAndLink) {
  run("ip route add 10.77.0.0/16 via 10.9.0.2 mtu 1400");
  run("ip route add 2001:db8:77::/48 via 2001:db8:9::2 mtu 1300");
  run("ip link set wan0 mtu 1450");
  const Paths paths = find_all({"10.9.0.2", "10.77.1.2", "2001:db8:77::1"});
  ASSERT_EQ(paths.entries.size(), 3U);
  EXPECT_EQ(paths.entries[0].mtu_bytes, 1450);
  EXPECT_EQ(paths.entries[1].mtu_bytes, 1400);
  EXPECT_EQ(paths.entries[2].mtu_bytes, 1300);
}

TEST_F(PathFinderTest, UsesPermanentNeighboursAndLeavesThemPermanent) {
  run("ip neighbour add 10.9.0.50 lladdr 02:00:00:00:00:50 dev wan0 nud permanent");
  for (int i = 0; i < 3; ++i) {
    const Paths paths = find_all({"10.9.0.50"});
    ASSERT_EQ(paths.entries.size(), 1U);
    EXPECT_EQ(paths.entries[0].next_hop_mac, mac("02:00:00:00:00:50"));
  }
  run("ip neighbour show 10.9.0.50 | grep -q PERMANENT");
}

TEST_F(PathFinderTest, KeepsStaleNeighboursAndHasThemConfirmed) {
  ASSERT_EQ(find_all({"10.9.0.2"}).entries.size(), 1U);
  run("ip neighbour replace 10.9.0.2 lladdr " + std::string(peer_mac) + " dev wan0 nud stale");
  EXPECT_EQ(find({"10.9.0.2"}).entries.size(), 1U);
  run("ip neighbour show 10.9.0.2 | grep -vq STALE");
}

TEST_F(PathFinderTest, NoticesAnotherLinkAddress) {
  ASSERT_EQ(find_all({"10.9.0.2"}).entries.size(), 1U);
  run("ip neighbour replace 10.9.0.2 lladdr 02:00:00:00:00:99 dev wan0 nud permanent");
  const Paths paths = find_until({"10.9.0.2"}, [](const Paths& found) {
    return found.entries.size() == 1 && found.entries[0].next_hop_mac == mac("02:00:00:00:00:99");
  });
  ASSERT_EQ(paths.entries.size(), 1U);
  EXPECT_EQ(paths.entries[0].next_hop_mac, mac("02:00:00:00:00:99"));
}

TEST_F(PathFinderTest, LosesItsPathsWithTheLinkAndFindsThemAgain) {
  ASSERT_EQ(find_all({"10.9.0.2"}).entries.size(), 1U);
  run("ip link set wan0 down");
  EXPECT_TRUE(find_none({"10.9.0.2"}).entries.empty());
  run("ip link set wan0 up");
  EXPECT_EQ(find_all({"10.9.0.2"}).entries.size(), 1U);
}

TEST_F(PathFinderTest, LosesItsPathsWithTheCarrier) {
  ASSERT_EQ(find_all({"10.9.0.2"}).entries.size(), 1U);
  run_at_peer("ip link set peer0 down");
  EXPECT_TRUE(find_none({"10.9.0.2"}).entries.empty());
}

TEST_F(PathFinderTest, HasNoPathToWhatDoesNotLeaveByAPort) {
  run("ip link add other0 type veth peer name other1");
  run("ip link set other1 up");
  run("ip address add 10.10.0.1/24 dev other0");
  run("ip link set other0 up");
  run("ip neighbour add 10.10.0.2 lladdr 02:00:00:00:00:33 dev other0 nud permanent");
  run("ip route add blackhole 10.80.0.0/16");
  run("ip route add unreachable 10.81.0.0/16");
  run("ip route add prohibit 2001:db8:81::/48");
  run("ip neighbour add 224.0.0.5 lladdr 01:00:5e:00:00:05 dev wan0 nud permanent");
  ASSERT_EQ(find_all({"10.9.0.2"}).entries.size(), 1U);
  const Paths paths =
      find({"10.10.0.2", "10.80.0.1", "10.81.0.1", "2001:db8:81::1", "10.9.0.1", "10.9.0.255",
            "127.0.0.1", "::1", "224.0.0.5", "ff02::1", "198.51.100.1", "0.0.0.0", "::"});
  EXPECT_TRUE(paths.entries.empty());
}

TEST_F(PathFinderTest, FollowsARouteThatChanges) {
  run("ip neighbour add 10.9.0.3 lladdr 02:00:00:00:00:03 dev wan0 nud permanent");
  run("ip neighbour replace 10.9.0.2 lladdr " + std::string(peer_mac) + " dev wan0 nud permanent");
  run("ip route add 10.77.0.0/16 via 10.9.0.2");
  ASSERT_EQ(find_all({"10.77.0.1"}).entries.size(), 1U);
  run("ip route replace 10.77.0.0/16 via 10.9.0.3");
  const Paths paths = find_until({"10.77.0.1"}, [](const Paths& found) {
    return found.entries.size() == 1 && found.entries[0].next_hop == address("10.9.0.3");
  });
  ASSERT_EQ(paths.entries.size(), 1U);
  EXPECT_EQ(paths.entries[0].next_hop_mac, mac("02:00:00:00:00:03"));
}

// Each `find` asks for resolution, which the kernel reports as changes of the neighbour: those must
// not lead to the next `find`.
TEST_F(PathFinderTest, ItsOwnQuestionsAreNoChanges) {
  ASSERT_EQ(find_all({"10.9.0.2"}).entries.size(), 1U);
  int rounds = 0;
  const auto end = std::chrono::steady_clock::now() + 1500ms;
  static_cast<void>(find({"10.9.0.2", "10.9.0.77"}));
  while (std::chrono::steady_clock::now() < end) {
    if (!wait_for_change(100ms)) continue;
    ++rounds;
    static_cast<void>(find({"10.9.0.2", "10.9.0.77"}));
  }
  EXPECT_LE(rounds, 2);
}

TEST_F(PathFinderTest, FindsAThousandPathsQuickly) {
  run("ip neighbour replace 10.9.0.2 lladdr " + std::string(peer_mac) + " dev wan0 nud permanent");
  run("ip route add 10.77.0.0/16 via 10.9.0.2");
  ASSERT_EQ(find_all({"10.77.0.1"}).entries.size(), 1U);
  std::vector<Address> destinations;
  for (std::uint32_t i = 0; i < 1000; ++i)
    destinations.push_back(Address::from_ipv4(Be32::from_host(0x0a4d0000U + i)));
  PortConfig port;
  port.name = "front";
  port.device = "wan0";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(finder_->find(destinations, {port}).entries.size(), 1000U);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
}

}  // namespace
}  // namespace sluice::control
