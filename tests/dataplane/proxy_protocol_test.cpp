#include <gtest/gtest.h>

#include "core/net/proxy_header.h"
#include "tests/dataplane/tcp_simulation.h"

namespace sluice::dataplane {
namespace {

using test::Bytes;
using test::compiled;
using test::FrameSpec;
using test::ip;
using wire::TcpHeader;

constexpr std::uint32_t client_isn = 0xfffffff0;  // so that numbers wrap early
constexpr std::uint32_t server_isn = 0x7000;

Config proxied(Family family) {
  Config config = test::sample_config(
      {.forward = Forward::nat, .vip_family = family, .backend_family = family, .backends = 1});
  config.services[0].proxy_protocol = ProxyProtocol::v2;
  return config;
}

// One connection through the rig, up to its SYN-ACK.
class Connection {
 public:
  explicit Connection(Family family, std::uint16_t mtu_bytes = 1'500)
      : family_(family), snapshot_(compiled(proxied(family), {}, nullptr, mtu_bytes)) {
    const Segment syn =
        read(from_client({.tcp_flags = TcpHeader::syn, .tcp_sequence = client_isn}));
    EXPECT_EQ(syn.sequence, client_isn);
    EXPECT_EQ(syn.flags, TcpHeader::syn);
    answers_.source = syn.packet.destination;
    answers_.destination = syn.packet.source;
    answers_.source_port = syn.packet.destination_port.host();
    answers_.destination_port = syn.packet.source_port.host();
    answers_.data_bytes = 0;
    (void)from_server({.tcp_flags = TcpHeader::syn | TcpHeader::ack,
                       .tcp_sequence = server_isn,
                       .tcp_acknowledgement = first});
  }

  static constexpr std::uint32_t first = client_isn + 1;

  // Of the given segment count flags, numbers, options and data; the rest is the connection's.
  Outcome from_client(FrameSpec spec) {
    spec.source = client_of(family_);
    spec.destination = test::vip_of(family_);
    spec.data_bytes = 0;
    return rig_.send(snapshot_, spec);
  }
  Outcome from_server(const FrameSpec& segment) {
    FrameSpec spec = answers_;
    spec.tcp_flags = segment.tcp_flags;
    spec.tcp_sequence = segment.tcp_sequence;
    spec.tcp_acknowledgement = segment.tcp_acknowledgement;
    spec.tcp_options = segment.tcp_options;
    spec.data = segment.data;
    return rig_.send(snapshot_, spec);
  }
  Segment acked(std::uint32_t acknowledgement, const Bytes& options = {}) {
    const Outcome out = from_server({.tcp_flags = TcpHeader::ack,
                                     .tcp_sequence = server_isn + 1,
                                     .tcp_acknowledgement = acknowledgement,
                                     .tcp_options = options});
    EXPECT_EQ(out.name(), "sent_nat_return");
    return read(out);
  }
  FrameSpec data(std::uint32_t sequence, std::size_t bytes, std::uint8_t more_flags = 0) {
    return {.data = Bytes(bytes, 0x61),
            .tcp_flags = static_cast<std::uint8_t>(TcpHeader::ack | more_flags),
            .tcp_sequence = sequence,
            .tcp_acknowledgement = server_isn + 1};
  }
  [[nodiscard]] Bytes header() const { return header_of(family_); }
  [[nodiscard]] std::uint32_t length() const { return proxy_header_bytes(family_); }
  Rig& rig() { return rig_; }
  [[nodiscard]] const Snapshot& snapshot() const { return snapshot_; }
  [[nodiscard]] const FrameSpec& answers() const { return answers_; }

 private:
  Family family_;
  Snapshot snapshot_;
  Rig rig_;
  FrameSpec answers_;
};

TEST(ProxyProtocol, TheHandshakesAckCarriesTheHeader) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Connection connection(family);
    FrameSpec ack = connection.data(Connection::first, 0);
    ack.padding_bytes = 6;  // of a short frame on Ethernet
    ack.vlans = {300};
    ack.tcp_options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    const Outcome out = connection.from_client(ack);
    EXPECT_EQ(out.name(), "sent_proxy_header");
    const Segment segment = read(out);
    EXPECT_EQ(segment.sequence, Connection::first);
    EXPECT_EQ(segment.acknowledgement, server_isn + 1);
    EXPECT_EQ(segment.flags, TcpHeader::ack | TcpHeader::psh);
    EXPECT_EQ(segment.options, ack.tcp_options);
    EXPECT_EQ(segment.data, connection.header());
  }
}

TEST(ProxyProtocol, ShiftsBothDirectionsOnceItIsTaken) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Connection connection(family);
    const std::uint32_t first = Connection::first;
    (void)connection.from_client(connection.data(first, 0));
    EXPECT_EQ(connection.acked(first + connection.length()).acknowledgement, first);
    const Outcome out = connection.from_client(connection.data(first, 100));
    EXPECT_EQ(out.name(), "sent_nat");
    EXPECT_EQ(read(out).sequence, first + connection.length());
    EXPECT_EQ(read(out).data.size(), 100U);
    EXPECT_EQ(connection.acked(first + connection.length() + 100).acknowledgement, first + 100);
    EXPECT_EQ(read(connection.from_client(connection.data(first + 100, 1'460 - 20))).sequence,
              first + connection.length() + 100);
    // SACK of bytes 200 to 300, behind a lost segment.
    const auto edge = [&](std::uint32_t value) { return Be32::from_host(value).bytes; };
    const auto sack = [&](std::uint32_t shift) {
      Bytes options = {1, 1, 5, 10};
      for (const std::uint32_t offset : {200U, 300U})
        for (const std::uint8_t byte : edge(first + offset + shift)) options.push_back(byte);
      return options;
    };
    const Segment back =
        connection.acked(first + connection.length() + 100, sack(connection.length()));
    EXPECT_EQ(back.options, sack(0));
  }
}

TEST(ProxyProtocol, AClientThatSpeaksAtOnceIsPrecededByIt) {
  Connection connection(Family::ipv4);
  const Outcome out = connection.from_client(connection.data(Connection::first, 500));
  EXPECT_EQ(out.name(), "sent_proxy_header");
  Bytes expected = connection.header();
  expected.insert(expected.end(), 500, 0x61);
  EXPECT_EQ(read(out).data, expected);
  EXPECT_EQ(read(out).sequence, Connection::first);
}

TEST(ProxyProtocol, UntilTheServerHasItEachRepetitionBringsItAgain) {
  Connection connection(Family::ipv6);
  const std::uint32_t first = Connection::first;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(connection.from_client(connection.data(first, 0)).name(), "sent_proxy_header");
    EXPECT_EQ(connection.from_client(connection.data(first, 200)).name(), "sent_proxy_header");
    EXPECT_EQ(connection.acked(first).acknowledgement, first) << "the server has nothing";
  }
  // The client's bytes are on their way, and it answers a repeated SYN-ACK behind them.
  const Segment alone = read(connection.from_client(connection.data(first + 200, 0)));
  EXPECT_EQ(alone.sequence, first);
  EXPECT_EQ(alone.data, connection.header());
  EXPECT_EQ(connection.acked(first + 51).acknowledgement, first) << "all but one byte of it";
  EXPECT_EQ(connection.from_client(connection.data(first, 200)).name(), "sent_proxy_header");
  EXPECT_EQ(connection.acked(first + 52 + 200).acknowledgement, first + 200);
  EXPECT_EQ(connection.from_client(connection.data(first, 200)).name(), "sent_nat") << "late";
}

TEST(ProxyProtocol, NeverMakesAPacketTooLong) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Connection connection(family);
    const std::uint32_t first = Connection::first;
    const std::size_t full = family == Family::ipv4 ? 1'460 : 1'440;
    const Outcome out = connection.from_client(connection.data(first, full, TcpHeader::fin));
    EXPECT_EQ(out.name(), "sent_proxy_header");
    EXPECT_EQ(read(out).data, connection.header()) << "instead: the client will say it again";
    EXPECT_EQ(read(out).flags & TcpHeader::fin, 0) << "nor is its end told without it";
    // On its way: what follows needs not to wait for it.
    const Outcome again = connection.from_client(connection.data(first, full));
    EXPECT_EQ(again.name(), "sent_nat");
    EXPECT_EQ(read(again).sequence, first + connection.length());
    // It was lost. What is behind the gap must not look received.
    const Bytes sack = {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    EXPECT_EQ(connection.acked(first, sack).options, Bytes(12, 1));
    EXPECT_EQ(read(connection.from_client(connection.data(first, full))).data, connection.header());
  }
}

TEST(ProxyProtocol, ABigPacketIsStillAnsweredWithTheSizeThatFits) {
  Connection connection(Family::ipv4, 1'300);
  EXPECT_EQ(connection.from_client(connection.data(Connection::first, 1'400)).name(),
            "replied_too_big");
}

TEST(ProxyProtocol, AFinRightAfterTheHandshakeComesBehindIt) {
  Connection connection(Family::ipv4);
  const std::uint32_t first = Connection::first;
  const Segment fin = read(connection.from_client(connection.data(first, 0, TcpHeader::fin)));
  EXPECT_EQ(fin.data, connection.header());
  EXPECT_NE(fin.flags & TcpHeader::fin, 0);
  EXPECT_EQ(connection.acked(first + 28 + 1).acknowledgement, first + 1);
}

TEST(ProxyProtocol, AResetHasTheNumberThatTheServerWaitsFor) {
  const FrameSpec reset{.tcp_flags = TcpHeader::rst, .tcp_sequence = Connection::first};
  Connection early(Family::ipv4);
  EXPECT_EQ(read(early.from_client(reset)).sequence, Connection::first);

  Connection sent(Family::ipv4);
  (void)sent.from_client(sent.data(Connection::first, 0));
  EXPECT_EQ(read(sent.from_client(reset)).sequence, Connection::first + 28);
  (void)sent.acked(Connection::first);  // a challenge (RFC 5961): the header was lost
  EXPECT_EQ(read(sent.from_client(reset)).sequence, Connection::first);

  Connection taken(Family::ipv4);
  (void)taken.from_client(taken.data(Connection::first, 0));
  (void)taken.acked(Connection::first + 28);
  EXPECT_EQ(read(taken.from_client(reset)).sequence, Connection::first + 28);
}

TEST(ProxyProtocol, AKeepAliveOfAnIdleClientStaysOne) {
  Connection connection(Family::ipv4);
  const std::uint32_t first = Connection::first;
  const Segment early = read(connection.from_client(connection.data(first - 1, 1)));
  EXPECT_EQ(early.sequence, first);
  EXPECT_EQ(early.data, connection.header());
  (void)connection.acked(first + 28);
  EXPECT_EQ(read(connection.from_client(connection.data(first - 1, 0))).sequence, first + 27);
}

TEST(ProxyProtocol, AFragmentCannotCarryIt) {
  Connection connection(Family::ipv4);
  FrameSpec fragment = connection.data(Connection::first, 64);
  fragment.more_fragments = true;
  fragment.dont_fragment = false;
  EXPECT_EQ(connection.from_client(fragment).name(), "drop_nat_cannot_adjust");
}

TEST(ProxyProtocol, ARefusalReachesTheClient) {
  Connection connection(Family::ipv4);
  const Segment reset = read(connection.from_server({.tcp_flags = TcpHeader::rst | TcpHeader::ack,
                                                     .tcp_sequence = 0,
                                                     .tcp_acknowledgement = Connection::first}));
  EXPECT_EQ(reset.acknowledgement, Connection::first);
}

TEST(ProxyProtocol, NoDataIsAskedForInASyn) {
  Connection connection(Family::ipv4);
  const Segment syn = read(connection.from_client({.tcp_flags = TcpHeader::syn,
                                                   .tcp_sequence = client_isn,
                                                   .tcp_options = {2, 4, 5, 180, 34, 2, 1, 1}}));
  EXPECT_EQ(syn.options, (Bytes{2, 4, 5, 180, 1, 1, 1, 1}));
}

TEST(ProxyProtocol, AnotherSynAfterTheHeaderChangesNothing) {
  Connection connection(Family::ipv4);
  const std::uint32_t first = Connection::first;
  (void)connection.from_client(connection.data(first, 0));
  (void)connection.acked(first + 28);
  const Segment syn =
      read(connection.from_client({.tcp_flags = TcpHeader::syn, .tcp_sequence = 99}));
  EXPECT_EQ(syn.sequence, 99U) << "the server challenges it (RFC 5961 section 4)";
  EXPECT_EQ(connection.from_client(connection.data(first, 10)).name(), "sent_nat");
}

TEST(ProxyProtocol, ASessionKeepsWhatItBeganWith) {
  Rig rig;
  Config config = proxied(Family::ipv4);
  const Snapshot with = compiled(config);
  config.services[0].proxy_protocol = ProxyProtocol::off;
  const Snapshot without = compiled(config, {}, &with);
  FrameSpec syn{.data_bytes = 0, .tcp_flags = TcpHeader::syn};
  FrameSpec ack{.data_bytes = 0, .tcp_flags = TcpHeader::ack};
  ack.tcp_sequence = syn.tcp_sequence + 1;
  syn.source_port = ack.source_port = 1'111;
  (void)rig.send(with, syn);
  EXPECT_EQ(rig.send(without, ack).name(), "sent_proxy_header");
  syn.source_port = ack.source_port = 2'222;
  (void)rig.send(without, syn);
  EXPECT_EQ(rig.send(without, ack).name(), "sent_nat");
  EXPECT_EQ(rig.send(with, ack).name(), "sent_nat") << "it would come in the middle";
  ack.source_port = 3'333;  // a connection from before a restart
  EXPECT_EQ(rig.send(with, ack).name(), "sent_nat");
}

TEST(ProxyProtocol, ErrorsQuoteWhatTheirReceiverSent) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Connection connection(family);
    const std::uint32_t first = Connection::first;
    (void)connection.from_client(connection.data(first, 0));
    (void)connection.acked(first + connection.length());
    const Outcome sent = connection.from_client(connection.data(first + 7, 1'300));
    FrameSpec router = connection.answers();
    router.source = ip(family == Family::ipv4 ? "10.0.9.9" : "2001:db8:9::9");
    const Bytes quoted = test::packet_of(sent.frame, family == Family::ipv4 ? 28 : 1'000);
    const Bytes error = family == Family::ipv4 ? test::build_error(router, 3, 4, 1'200, quoted)
                                               : test::build_error(router, 2, 0, 1'280, quoted);
    const Outcome out = connection.rig().send(connection.snapshot(), error);
    ASSERT_EQ(out.name(), "sent_icmp_error_return");
    EXPECT_EQ(test::wrong_checksums(out.frame), "");
    ParsedPacket outer;
    ParsedPacket inner;
    ASSERT_EQ(parse(out.frame, outer), Verdict::none);
    ASSERT_TRUE(parse_quoted(out.frame, outer, inner));
    TcpSequence sequence = 0;
    ASSERT_TRUE(read_quoted_sequence(out.frame.data(), inner, sequence));
    EXPECT_EQ(sequence, first + 7);
  }
}

TEST(ProxyProtocolSimulation, BothStreamsArriveWholeWhateverGetsLost) {
  for (std::uint64_t seed = 0; seed < 200; ++seed)
    ASSERT_EQ(Simulation(seed, proxied(family_of(seed))).judge(), "") << "seed " << seed;
}

}  // namespace
}  // namespace sluice::dataplane
