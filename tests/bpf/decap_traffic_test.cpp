// The real sluice-decap on a server that real connections reach through a tunnel: two network
// namespaces on one veth pair, offloads as the kernel likes them.

#include <array>
#include <bpf/libbpf.h>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <future>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <thread>

#include "bpf/kernel.h"
#include "encap.skel.h"
#include "tests/bpf/network.h"
#include "tests/bpf/packets.h"

namespace sluice::test {
namespace {

constexpr std::uint16_t port = 8080;
constexpr std::size_t transfer_bytes = 10'000'000;

struct Pair {
  const char* name;
  const char* outer_source;
  const char* outer_destination;
  const char* vip;
};
constexpr std::array pairs = {
    Pair{"4in4", "192.0.2.1", "192.0.2.2", "203.0.113.10"},
    Pair{"6in4", "192.0.2.1", "192.0.2.2", "2001:db8::10"},
    Pair{"4in6", "2001:db8:1::1", "2001:db8:1::2", "203.0.113.10"},
    Pair{"6in6", "2001:db8:1::1", "2001:db8:1::2", "2001:db8::10"},
};

// What stands between outer and inner header; nothing for IP in IP.
struct Shim {
  std::uint8_t protocol = 0;  // of the outer header; 0: the inner family's
  bool has_gue_header = false;

  [[nodiscard]] Bytes bytes(bool inner_is_ipv4) const {
    const std::uint8_t inner = inner_is_ipv4 ? wire::protocol_ipip : wire::protocol_ipv6;
    if (protocol == wire::protocol_gre)
      return inner_is_ipv4 ? Bytes{0, 0, 0x08, 0x00} : Bytes{0, 0, 0x86, 0xdd};
    if (protocol != wire::protocol_udp) return {};
    return udp(50'000, 6'080, has_gue_header ? Bytes{0, inner, 0, 0} : Bytes{});
  }
};

class Socket {
 public:
  Socket() = default;
  explicit Socket(int number) : number_(number) {
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(number_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(number_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const int yes = 1;
    setsockopt(number_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  }
  Socket(Socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Socket() {
    if (number_ >= 0) close(number_);
  }
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_ = -1;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  explicit SocketAddress(const Address& address) {
    if (address.is_ipv4()) {
      auto& ipv4 = reinterpret_cast<sockaddr_in&>(storage);
      ipv4.sin_family = AF_INET;
      ipv4.sin_port = htons(port);
      ipv4.sin_addr.s_addr = address.ipv4().raw();
      length = sizeof ipv4;
    } else {
      auto& ipv6 = reinterpret_cast<sockaddr_in6&>(storage);
      ipv6.sin6_family = AF_INET6;
      ipv6.sin6_port = htons(port);
      std::copy_n(address.bytes().begin(), 16, ipv6.sin6_addr.s6_addr);
      length = sizeof ipv6;
    }
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

std::uint8_t byte_at(std::size_t position) {
  return static_cast<std::uint8_t>(position * 31 + position / 251);
}

bool send_all(const Socket& to) {
  Bytes bytes(transfer_bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = byte_at(i);
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = send(to.get(), &bytes[sent], bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

bool receive_all(const Socket& from) {
  Bytes bytes(transfer_bytes);
  for (std::size_t got = 0; got < bytes.size();) {
    const ssize_t count = recv(from.get(), &bytes[got], bytes.size() - got, 0);
    if (count <= 0) return false;
    for (const std::size_t end = got + static_cast<std::size_t>(count); got < end; ++got)
      if (bytes[got] != byte_at(got)) return false;
  }
  return true;
}

class DecapTraffic : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_NE(std::getenv("SLUICE_DECAP"), nullptr)
        << "the path of the program; meson test sets it";
    bpf::let_libbpf_warn(false);
    client_.emplace("client");
    server_.emplace("server");
    ASSERT_TRUE(client_->is_made() && server_->is_made());
    ASSERT_TRUE(shell("ip link add veth0 netns " + client_->name() + " type veth peer name veth0 " +
                      "netns " + server_->name()));
    configure(*client_, "1");
    configure(*server_, "2");
    ASSERT_TRUE(server_->run("ip address add 203.0.113.10/32 dev lo"));
    ASSERT_TRUE(server_->run("ip address add 2001:db8::10/128 dev lo nodad"));
    // Room for the outer header.
    ASSERT_TRUE(client_->run("ip route add 203.0.113.10 via 192.0.2.2 mtu 1400"));
    ASSERT_TRUE(client_->run("ip route add 2001:db8::10 via 2001:db8:1::2 mtu 1400"));
    ASSERT_TRUE(client_->run("ping -q -i 0.1 -c 1 -w 5 192.0.2.2 > /dev/null"));
    ASSERT_TRUE(client_->run("ping -q -i 0.1 -c 1 -w 5 2001:db8:1::2 > /dev/null"));
  }
  void TearDown() override { stop_encapsulating(); }

  static void configure(const Namespace& host, const std::string& last) {
    ASSERT_TRUE(host.run("ip link set lo up"));
    ASSERT_TRUE(host.run("ip address add 192.0.2." + last + "/24 dev veth0"));
    ASSERT_TRUE(host.run("ip address add 2001:db8:1::" + last + "/64 dev veth0 nodad"));
    ASSERT_TRUE(host.run("ip link set veth0 up"));
  }

  [[nodiscard]] bool decap(const std::string& arguments) const {
    return server_->run(std::string(std::getenv("SLUICE_DECAP")) + " " + arguments +
                        " > /dev/null 2>&1");
  }
  [[nodiscard]] std::uint64_t counted(const std::string& name) const {
    const auto status = nlohmann::json::parse(output_of(
        server_->in(std::string(std::getenv("SLUICE_DECAP")) + " status --device veth0 --json")));
    return status["devices"][0]["counters"][name];
  }

  // From now on the client's packets for the VIP go through a tunnel.
  void encapsulate(const Pair& pair, const Shim& shim = {}) {
    stop_encapsulating();
    encap_ = encap_bpf::open();
    ASSERT_NE(encap_, nullptr);
    const Address source = address(pair.outer_source);
    const Address destination = address(pair.outer_destination);
    const Address vip = address(pair.vip);
    auto& constants = *encap_->rodata;
    const std::uint8_t inner = vip.is_ipv4() ? wire::protocol_ipip : wire::protocol_ipv6;
    const std::uint8_t protocol = shim.protocol == 0 ? inner : shim.protocol;
    const Bytes between = shim.bytes(vip.is_ipv4());
    std::ranges::copy(between, static_cast<std::uint8_t*>(constants.shim));
    constants.shim_bytes = static_cast<std::uint8_t>(between.size());
    constants.shim_is_udp = shim.protocol == wire::protocol_udp ? 1 : 0;
    Bytes header = ip({.source = source, .destination = destination, .protocol = protocol}, {});
    if (source.is_ipv4()) header[10] = header[11] = 0;  // the checksum, over a length to come
    std::ranges::copy(
        header, static_cast<std::uint8_t*>(source.is_ipv4() ? constants.outer4 : constants.outer6));
    constants.outer_is_ipv6 = source.is_ipv4() ? 0 : 1;
    constants.inner_is_ipv6 = vip.is_ipv4() ? 0 : 1;
    const std::size_t skipped = vip.is_ipv4() ? 12 : 0;
    std::copy(vip.bytes().begin() + static_cast<std::ptrdiff_t>(skipped), vip.bytes().end(),
              static_cast<std::uint8_t*>(constants.vip));
    ASSERT_EQ(encap_bpf::load(encap_), 0);
    put_encap_filter(*client_, BPF_TC_EGRESS);
  }
  // Where sluice-decap has its own, had it come first.
  void put_encap_filter(const Namespace& host, bpf_tc_attach_point point) {
    const Inside inside(host);
    bpf_tc_hook hook{};
    hook.sz = sizeof hook;
    hook.ifindex = static_cast<int>(if_nametoindex("veth0"));
    hook.attach_point = point;
    const int made = bpf_tc_hook_create(&hook);
    ASSERT_TRUE(made == 0 || made == -EEXIST);
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(encap_->progs.test_encap),
                .flags = BPF_TC_F_REPLACE, .handle = 1, .priority = 41);
    ASSERT_EQ(bpf_tc_attach(&hook, &options), 0);
  }
  void stop_encapsulating() {
    if (encap_ != nullptr) encap_bpf::destroy(encap_);
    encap_ = nullptr;
  }

  // Ten megabytes to the server and ten back, every byte compared.
  void transfer(const SocketAddress& vip) {
    Socket listener;
    {
      const Inside server(*server_);
      listener = Socket(socket(vip.family(), SOCK_STREAM, 0));
      ASSERT_EQ(bind(listener.get(), vip.get(), vip.length), 0);
      ASSERT_EQ(listen(listener.get(), 1), 0);
    }
    auto served = std::async(std::launch::async, [&listener] {
      const Socket connection(accept(listener.get(), nullptr, nullptr));
      return connection.get() >= 0 && receive_all(connection) && send_all(connection);
    });
    Socket client;
    {
      const Inside inside(*client_);
      client = Socket(socket(vip.family(), SOCK_STREAM, 0));
    }
    EXPECT_EQ(connect(client.get(), vip.get(), vip.length), 0);
    EXPECT_TRUE(send_all(client));
    EXPECT_TRUE(receive_all(client));
    EXPECT_TRUE(served.get());
  }

  // One byte there and back, the smallest packets there are.
  [[nodiscard]] bool echo(const SocketAddress& vip) {
    Socket server;
    Socket client;
    {
      const Inside inside(*server_);
      server = Socket(socket(vip.family(), SOCK_DGRAM, 0));
      if (bind(server.get(), vip.get(), vip.length) != 0) return false;
    }
    {
      const Inside inside(*client_);
      client = Socket(socket(vip.family(), SOCK_DGRAM, 0));
    }
    const timeval patience{.tv_sec = 0, .tv_usec = 500'000};
    setsockopt(server.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    char byte = 'x';
    if (connect(client.get(), vip.get(), vip.length) != 0) return false;
    if (send(client.get(), &byte, 1, 0) != 1) return false;
    auto* sender = reinterpret_cast<sockaddr*>(&from);
    if (recvfrom(server.get(), &byte, 1, 0, sender, &length) != 1) return false;
    if (sendto(server.get(), &byte, 1, 0, sender, length) != 1) return false;
    return recv(client.get(), &byte, 1, 0) == 1;
  }

  // Gives how many packets each pair's tunnel was taken off.
  std::array<std::uint64_t, pairs.size()> speak_through_all_pairs() {
    std::array<std::uint64_t, pairs.size()> packets{};
    EXPECT_TRUE(decap("attach --device veth0 --vip 203.0.113.10 --vip 2001:db8::10"));
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      SCOPED_TRACE(pairs[i].name);
      encapsulate(pairs[i]);
      const SocketAddress vip(address(pairs[i].vip));
      transfer(vip);
      EXPECT_TRUE(echo(vip));
      packets[i] = counted("decapsulated_" + std::string(pairs[i].name));
    }
    for (const char* name : {"passed_not_vip", "passed_malformed", "passed_fragment",
                             "passed_options", "dropped_ecn", "dropped_unable"})
      EXPECT_EQ(counted(name), 0U) << name;
    return packets;
  }

  std::optional<Namespace> client_;
  std::optional<Namespace> server_;
  encap_bpf* encap_ = nullptr;
};

// Ten megabytes one way in packets of at most 1,400 bytes, without counting acknowledgements.
constexpr std::uint64_t single_packets_min = transfer_bytes / 1'400;

// The sender's stack leaves segmentation and checksums to the wire, which here has neither.
TEST_F(DecapTraffic, AggregatedAndHalfChecksummed) {
  for (const std::uint64_t packets : speak_through_all_pairs()) {
    EXPECT_GT(packets, 0U);
    EXPECT_LT(packets, single_packets_min);
  }
}

// Single, checksummed packets that the receiving device aggregates, tunnel header and all.
TEST_F(DecapTraffic, AggregatedByTheReceiver) {
  ASSERT_TRUE(client_->run("ethtool -K veth0 tx off tso off gso off > /dev/null"));
  ASSERT_TRUE(server_->run("ethtool -K veth0 gro on > /dev/null"));
  for (const std::uint64_t packets : speak_through_all_pairs()) {
    EXPECT_GT(packets, 0U);
    EXPECT_LT(packets, single_packets_min);
  }
}

TEST_F(DecapTraffic, WithoutOffloads) {
  ASSERT_TRUE(client_->run("ethtool -K veth0 tx off tso off gso off > /dev/null"));
  ASSERT_TRUE(server_->run("ethtool -K veth0 tx off gro off > /dev/null"));
  for (const std::uint64_t packets : speak_through_all_pairs())
    EXPECT_GT(packets, single_packets_min);
}

TEST_F(DecapTraffic, InGreAndGue) {
  ASSERT_TRUE(client_->run("ethtool -K veth0 tx off tso off gso off > /dev/null"));
  ASSERT_TRUE(server_->run("ethtool -K veth0 tx off gro off > /dev/null"));
  ASSERT_TRUE(decap("attach --device veth0 --vip 203.0.113.10 --vip 2001:db8::10"));
  for (const Shim& shim : {Shim{wire::protocol_gre}, Shim{wire::protocol_udp},
                           Shim{.protocol = wire::protocol_udp, .has_gue_header = true}})
    for (const Pair& pair : pairs) {
      SCOPED_TRACE(pair.name);
      const std::string counter = "decapsulated_" + std::string(pair.name);
      const std::uint64_t before = counted(counter);
      encapsulate(pair, shim);
      const SocketAddress vip(address(pair.vip));
      transfer(vip);
      EXPECT_TRUE(echo(vip));
      EXPECT_GT(counted(counter), before);
    }
  EXPECT_EQ(counted("passed_malformed"), 0U);
}

TEST_F(DecapTraffic, OnlyWhileAttachedAndOnlyFromTheSourcesGiven) {
  encapsulate(pairs[0]);
  const SocketAddress vip(address(pairs[0].vip));
  EXPECT_FALSE(echo(vip)) << "the kernel itself takes tunnels off; this test proves nothing then";
  EXPECT_FALSE(decap("status --device veth0"));
  ASSERT_TRUE(decap("attach --device veth0 --vip 203.0.113.10 --source 198.51.100.0/24"));
  EXPECT_FALSE(echo(vip));
  EXPECT_EQ(counted("passed_source"), 1U);
  ASSERT_TRUE(decap("attach --device veth0 --vip 203.0.113.10 --source 192.0.2.0/24"));
  EXPECT_TRUE(echo(vip));
  EXPECT_EQ(counted("decapsulated_4in4"), 1U);
  ASSERT_TRUE(decap("detach --device veth0"));
  EXPECT_FALSE(echo(vip));
  EXPECT_FALSE(decap("detach --device veth0"));
}

TEST_F(DecapTraffic, LeavesAQdiscThatOthersUse) {
  const auto has_qdisc = [this] {
    return output_of(server_->in("tc qdisc show dev veth0")).find("clsact") != std::string::npos;
  };
  const std::string attach = "attach --device veth0 --vip 203.0.113.10";
  ASSERT_TRUE(decap(attach));
  ASSERT_TRUE(decap(attach));  // still knows that the first one made the qdisc
  ASSERT_TRUE(decap("detach --device veth0"));
  EXPECT_FALSE(has_qdisc());

  ASSERT_TRUE(decap(attach));
  encapsulate(pairs[0]);
  put_encap_filter(*server_, BPF_TC_EGRESS);
  ASSERT_TRUE(decap("detach --device veth0"));
  EXPECT_TRUE(has_qdisc());

  ASSERT_TRUE(server_->run("tc qdisc del dev veth0 clsact"));
  ASSERT_TRUE(server_->run("tc qdisc add dev veth0 clsact"));
  ASSERT_TRUE(decap(attach));
  ASSERT_TRUE(decap("detach --device veth0"));
  EXPECT_TRUE(has_qdisc());
}

TEST_F(DecapTraffic, RefusesSomebodyElsesFilter) {
  encapsulate(pairs[0]);
  put_encap_filter(*server_, BPF_TC_INGRESS);
  EXPECT_FALSE(decap("attach --device veth0 --vip 203.0.113.10"));
  EXPECT_FALSE(decap("detach --device veth0"));
  EXPECT_NE(output_of(server_->in("tc filter show dev veth0 ingress")).find("test_encap"),
            std::string::npos);
}

TEST_F(DecapTraffic, SaysWhatIsWrongWithItsArguments) {
  const auto status_of = [this](const std::string& arguments) {
    const int status = std::system(
        server_
            ->in(std::string(std::getenv("SLUICE_DECAP")) + " " + arguments + " > /dev/null 2>&1")
            .c_str());
    return WEXITSTATUS(status);
  };
  EXPECT_EQ(status_of(""), 2);
  EXPECT_EQ(status_of("--help"), 0);
  EXPECT_EQ(status_of("attach --device veth0"), 2);
  EXPECT_EQ(status_of("attach --device veth0 --vip 203.0.113.300"), 2);
  EXPECT_EQ(status_of("attach --device veth0 --vip 203.0.113.10 --source 10.0.0.1/8"), 2);
  EXPECT_EQ(status_of("attach --device veth0 --vip 203.0.113.10 --gue-port 0"), 2);
  EXPECT_EQ(status_of("attach --device nosuch0 --vip 203.0.113.10"), 1);
  EXPECT_EQ(status_of("detach --device veth0"), 1);
  EXPECT_EQ(status_of("status"), 0);
  EXPECT_EQ(status_of("status --device veth0"), 1);
}

}  // namespace
}  // namespace sluice::test
