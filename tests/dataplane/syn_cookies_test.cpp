#include <gtest/gtest.h>

#include "tests/dataplane/tcp_simulation.h"

namespace sluice::dataplane {
namespace {

using test::Bytes;
using test::compiled;
using test::FrameSpec;
using wire::TcpHeader;

constexpr std::uint32_t client_isn = 0xfffffff0;
constexpr std::uint32_t first = client_isn + 1;
constexpr std::uint32_t server_isn = 0x7000;

Config config_with(SynCookies cookies, Family family,
                   ProxyProtocol proxy_protocol = ProxyProtocol::off) {
  Config config = test::sample_config(
      {.forward = Forward::nat, .vip_family = family, .backend_family = family, .backends = 1});
  config.services[0].syn_cookies = cookies;
  config.services[0].proxy_protocol = proxy_protocol;
  return config;
}

Bytes written(const TcpOptions& options) {
  std::array<std::uint8_t, tcp_options_bytes_max> out{};
  const std::size_t length = write_tcp_options(options, out);
  return {out.begin(), out.begin() + static_cast<long>(length)};
}

TcpOptions linux_syn(std::uint32_t value = 500) {
  return {.mss_bytes = 1'460,
          .window_scale = 9,
          .timestamps = TcpTimestamps{value, 0},
          .sack_permitted = true};
}

TcpOptions stamps(std::uint32_t value, std::uint32_t echo) {
  TcpOptions out;
  out.timestamps = {value, echo};
  return out;
}

// A client that has been answered by a cookie.
class Connection {
 public:
  explicit Connection(const Config& config, const TcpOptions& options = linux_syn())
      : family_(config.services[0].vips[0].prefix.address.family()), snapshot_(compiled(config)) {
    const Outcome out = from_client(
        {.tcp_flags = TcpHeader::syn, .tcp_sequence = client_isn, .tcp_options = written(options)});
    EXPECT_EQ(out.name(), "replied_syn_cookie");
    answer_ = read(out);
    cookie_ = answer_.sequence;
  }

  // Of the given segment count flags, numbers, window, options and data.
  Outcome from_client(FrameSpec spec) {
    spec.source = client_of(family_);
    spec.destination = test::vip_of(family_);
    spec.data_bytes = 0;
    return rig_.send(snapshot_, spec);
  }
  // The ACK that ends the handshake, and what it becomes for the server.
  Segment connect(const TcpOptions& options = stamps(501, 1'000'000)) {
    const Outcome out = from_client({.tcp_flags = TcpHeader::ack,
                                     .tcp_sequence = first,
                                     .tcp_acknowledgement = cookie_ + 1,
                                     .tcp_window = 200,
                                     .tcp_options = written(options)});
    EXPECT_EQ(out.name(), "sent_syn_proxy");
    const Segment syn = read(out);
    answers_.source = syn.packet.destination;
    answers_.destination = syn.packet.source;
    answers_.source_port = syn.packet.destination_port.host();
    answers_.destination_port = syn.packet.source_port.host();
    answers_.data_bytes = 0;
    return syn;
  }
  Outcome from_server(const FrameSpec& segment) {
    FrameSpec spec = answers_;
    spec.tcp_flags = segment.tcp_flags;
    spec.tcp_sequence = segment.tcp_sequence;
    spec.tcp_acknowledgement = segment.tcp_acknowledgement;
    spec.tcp_window = segment.tcp_window;
    spec.tcp_options = segment.tcp_options;
    spec.data = segment.data;
    return rig_.send(snapshot_, spec);
  }
  Segment accept(const TcpOptions& options) {
    const Outcome out = from_server({.tcp_flags = TcpHeader::syn | TcpHeader::ack,
                                     .tcp_sequence = server_isn,
                                     .tcp_acknowledgement = first,
                                     .tcp_window = 64'000,
                                     .tcp_options = written(options)});
    EXPECT_EQ(out.name(), "sent_nat_return");
    return read(out);
  }
  [[nodiscard]] const Segment& answer() const { return answer_; }
  [[nodiscard]] std::uint32_t cookie() const { return cookie_; }
  Rig& rig() { return rig_; }

 private:
  Family family_;
  Snapshot snapshot_;
  Rig rig_;
  Segment answer_;
  std::uint32_t cookie_ = 0;
  FrameSpec answers_;
};

TEST(SynCookies, ASynIsAnsweredAndForgotten) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Connection connection(config_with(SynCookies::always, family));
    const Segment& answer = connection.answer();
    EXPECT_EQ(answer.flags, TcpHeader::syn | TcpHeader::ack);
    EXPECT_EQ(answer.acknowledgement, first);
    EXPECT_EQ(answer.window, 0) << "nobody is there to read";
    TcpOptions expected = linux_syn();
    expected.mss_bytes = family == Family::ipv4 ? 1'460 : 1'440;
    expected.window_scale = 7;
    expected.timestamps = {1'000'000, 500};  // the rig's clock in milliseconds, and the client's
    EXPECT_EQ(read_tcp_options(answer.options), expected);
    EXPECT_EQ(connection.rig().counters().flows_inserted, 0U);
  }
}

TEST(SynCookies, WhatWasNotOfferedIsNotAgreed) {
  Connection connection(config_with(SynCookies::always, Family::ipv4), TcpOptions{});
  EXPECT_EQ(read_tcp_options(connection.answer().options), TcpOptions{.mss_bytes = 1'460});
  const Segment syn = connection.connect({});
  EXPECT_EQ(read_tcp_options(syn.options), TcpOptions{.mss_bytes = 536});
  EXPECT_EQ(syn.window, 200);
}

TEST(SynCookies, AValidAckBecomesTheSynThatTheClientSent) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Connection connection(config_with(SynCookies::always, family));
    const Segment syn = connection.connect();
    EXPECT_EQ(syn.flags, TcpHeader::syn);
    EXPECT_EQ(syn.sequence, client_isn);
    EXPECT_EQ(syn.acknowledgement, 0U);
    EXPECT_EQ(syn.window, 0xffff) << "200 by a scale of 9, in a SYN";
    EXPECT_EQ(read_tcp_options(syn.options), linux_syn(501));
    EXPECT_EQ(connection.rig().counters().flows_inserted, 1U);
    EXPECT_EQ(connection.connect().sequence, client_isn) << "and so does the next one";
  }
}

TEST(SynCookies, SegmentSizesAreClampedBothWays) {
  Config config = config_with(SynCookies::always, Family::ipv4);
  config.services[0].mss_clamp = MssClamp::parse("1240").value();
  Connection connection(config);
  EXPECT_EQ(read_tcp_options(connection.answer().options).mss_bytes, 1'240);
  EXPECT_EQ(read_tcp_options(connection.connect().options).mss_bytes, 1'200)
      << "the next smaller one that a cookie can hold";
}

TEST(SynCookies, AnInvalidAckOpensNothing) {
  Connection connection(config_with(SynCookies::always, Family::ipv4));
  const auto send = [&](std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgement) {
    return connection
        .from_client(
            {.tcp_flags = flags, .tcp_sequence = sequence, .tcp_acknowledgement = acknowledgement})
        .name();
  };
  const std::uint32_t right = connection.cookie() + 1;
  EXPECT_EQ(send(TcpHeader::ack, first, right ^ 0x10000), "drop_syn_cookie_invalid");
  EXPECT_EQ(send(TcpHeader::ack, first + 1, right), "drop_syn_cookie_invalid");
  EXPECT_EQ(send(TcpHeader::rst, first, right), "drop_syn_cookie_invalid");
  EXPECT_EQ(send(TcpHeader::syn | TcpHeader::ack, first, right), "drop_syn_cookie_invalid");
  EXPECT_EQ(connection.rig().counters().flows_inserted, 0U);
  EXPECT_EQ(send(TcpHeader::ack, first, right), "sent_syn_proxy");
}

TEST(SynCookies, ADamagedSynIsNotAnswered) {
  Rig rig;
  Bytes frame = test::build(FrameSpec{.tcp_flags = TcpHeader::syn});
  frame.back() ^= 1;
  EXPECT_EQ(rig.send(compiled(config_with(SynCookies::always, Family::ipv4)), frame).name(),
            "drop_syn_cookie_invalid");
}

TEST(SynCookies, TheServersSynAckOpensTheWindowAndAsksForTheAck) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Connection connection(config_with(SynCookies::always, family));
    (void)connection.connect();
    TcpOptions options = linux_syn(77'000);
    options.timestamps->echo = 501;
    options.window_scale = 10;
    for (int i = 0; i < 2; ++i) {  // a repeated one does the same
      const Segment announcement = connection.accept(options);
      EXPECT_EQ(announcement.flags, TcpHeader::ack);
      EXPECT_EQ(announcement.sequence, connection.cookie()) << "a keep-alive";
      EXPECT_EQ(announcement.acknowledgement, first);
      EXPECT_EQ(announcement.data.size(), 1U);
      EXPECT_EQ(announcement.window, 64'000 >> 7);
      EXPECT_EQ(read_tcp_options(announcement.options), stamps(1'000'000, 501));
    }
    const Segment ack =
        read(connection.from_client({.tcp_flags = TcpHeader::ack,
                                     .tcp_sequence = first,
                                     .tcp_acknowledgement = connection.cookie() + 1,
                                     .tcp_window = 300,
                                     .tcp_options = written(stamps(502, 1'000'000))}));
    EXPECT_EQ(ack.sequence, first);
    EXPECT_EQ(ack.acknowledgement, server_isn + 1);
    EXPECT_EQ(ack.window, 300) << "by the client's own scale";
    EXPECT_EQ(read_tcp_options(ack.options), stamps(502, 77'000));
    const Segment data =
        read(connection.from_server({.data = Bytes(10, 1),
                                     .tcp_flags = TcpHeader::ack,
                                     .tcp_sequence = server_isn + 1,
                                     .tcp_acknowledgement = first,
                                     .tcp_window = 60,
                                     .tcp_options = written(stamps(77'005, 502))}));
    EXPECT_EQ(data.sequence, connection.cookie() + 1);
    EXPECT_EQ(data.window, 60 << 3) << "scale 10 told as scale 7";
    EXPECT_EQ(read_tcp_options(data.options), stamps(1'000'005, 502));
  }
}

TEST(SynCookies, AServerWithoutWindowScaleIsRead) {
  Connection connection(config_with(SynCookies::always, Family::ipv4));
  (void)connection.connect();
  EXPECT_EQ(connection.accept({.mss_bytes = 1'460}).window, 64'000 >> 7);
  const Segment ack = read(connection.from_client({.tcp_flags = TcpHeader::ack,
                                                   .tcp_sequence = first,
                                                   .tcp_acknowledgement = connection.cookie() + 1,
                                                   .tcp_window = 100}));
  EXPECT_EQ(ack.window, 100 << 9);
  const FrameSpec small{.tcp_flags = TcpHeader::ack,
                        .tcp_sequence = server_isn + 1,
                        .tcp_acknowledgement = first,
                        .tcp_window = 100};
  EXPECT_EQ(read(connection.from_server(small)).window, 1) << "open, if ever so little";
}

TEST(SynCookies, ARefusalReachesTheClient) {
  Connection connection(config_with(SynCookies::always, Family::ipv4));
  (void)connection.connect();
  const FrameSpec refusal{.tcp_flags = TcpHeader::rst | TcpHeader::ack,
                          .tcp_sequence = 0,
                          .tcp_acknowledgement = first};
  const Segment reset = read(connection.from_server(refusal));
  EXPECT_NE(reset.flags & TcpHeader::rst, 0);
  EXPECT_EQ(reset.sequence, connection.cookie() + 1) << "or the client would not obey";
}

TEST(SynCookies, StrangeAnswersAreNotTaken) {
  Connection connection(config_with(SynCookies::always, Family::ipv4));
  (void)connection.connect();
  for (const std::uint8_t flags : {TcpHeader::ack, TcpHeader::syn, TcpHeader::rst})
    EXPECT_EQ(
        connection
            .from_server(
                {.tcp_flags = flags, .tcp_sequence = server_isn, .tcp_acknowledgement = first})
            .name(),
        "drop_nat_cannot_adjust");
  EXPECT_EQ(connection
                .from_server({.tcp_flags = TcpHeader::syn | TcpHeader::ack,
                              .tcp_sequence = server_isn,
                              .tcp_acknowledgement = first + 5})
                .name(),
            "drop_nat_cannot_adjust");
}

TEST(SynCookies, WithThePROXYProtocolTheHeaderFollows) {
  Connection connection(config_with(SynCookies::always, Family::ipv4, ProxyProtocol::v2));
  (void)connection.connect();
  (void)connection.accept(linux_syn(77'000));
  const Outcome out = connection.from_client({.tcp_flags = TcpHeader::ack,
                                              .tcp_sequence = first,
                                              .tcp_acknowledgement = connection.cookie() + 1});
  EXPECT_EQ(out.name(), "sent_proxy_header");
  EXPECT_EQ(read(out).data, header_of(Family::ipv4));
  EXPECT_EQ(read(out).acknowledgement, server_isn + 1);
}

TEST(SynCookies, AutoAnswersThemWhileManySessionsAreHalfOpen) {
  Rig rig({.flows_max = 256});
  const Snapshot snapshot = compiled(config_with(SynCookies::automatic, Family::ipv4));
  const auto syn = [&](std::uint16_t port) {
    FrameSpec spec{.source_port = port, .data_bytes = 0, .tcp_flags = TcpHeader::syn};
    return rig.send(snapshot, spec).name();
  };
  FrameSpec stranger{.source_port = 999, .data_bytes = 0, .tcp_flags = TcpHeader::ack};
  EXPECT_EQ(rig.send(snapshot, stranger).name(), "sent_nat") << "the server will reset it";
  std::uint16_t port = 1'000;
  for (int i = 0; i < 33; ++i) EXPECT_EQ(syn(port++), "sent_nat") << i;
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(syn(port++), "replied_syn_cookie") << i;
  stranger.source_port = 998;
  EXPECT_EQ(rig.send(snapshot, stranger).name(), "drop_syn_cookie_invalid");
  // One of the half-open ones is a real client: below the mark again.
  FrameSpec ack{.source_port = 1'000, .data_bytes = 0, .tcp_flags = TcpHeader::ack};
  EXPECT_EQ(rig.send(snapshot, ack).name(), "sent_nat");
  EXPECT_EQ(syn(port++), "sent_nat");
  EXPECT_EQ(syn(port++), "replied_syn_cookie");
}

TEST(SynCookies, AFloodTakesNoMemoryAndClientsConnect) {
  Rig rig({.flows_max = 64});
  const Snapshot snapshot = compiled(config_with(SynCookies::always, Family::ipv4));
  for (std::uint16_t i = 0; i < 10'000; ++i) {
    const FrameSpec flood{.source_port = static_cast<std::uint16_t>(1'000 + i),
                          .data_bytes = 0,
                          .tcp_flags = TcpHeader::syn};
    const Outcome out = rig.send(snapshot, flood);
    ASSERT_EQ(out.name(), "replied_syn_cookie");
    if (i % 200 != 0) continue;
    FrameSpec ack = flood;
    ack.tcp_flags = TcpHeader::ack;
    ++ack.tcp_sequence;
    ack.tcp_acknowledgement = read(out).sequence + 1;
    EXPECT_EQ(rig.send(snapshot, ack).name(), "sent_syn_proxy");
  }
  EXPECT_EQ(rig.counters().flows_inserted, 50U);
}

TEST(SynCookiesSimulation, BothStreamsArriveWholeWhateverGetsLost) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const auto proxy = seed % 3 == 0 ? ProxyProtocol::v2 : ProxyProtocol::off;
    const Config config = config_with(SynCookies::always, family_of(seed), proxy);
    ASSERT_EQ(Simulation(seed, config).judge(), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice::dataplane
