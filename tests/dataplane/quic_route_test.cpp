#include "dataplane/l4/quic_route.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

#include "core/config/explain.h"
#include "tests/dataplane/rig.h"

namespace sluice::dataplane {
namespace {

using test::Bytes;
using test::compiled;
using test::FrameSpec;
using test::ip;

constexpr std::uint8_t clear_config = 0;      // 3 bytes of server ID, in the clear
constexpr std::uint8_t encrypted_config = 2;  // 8 bytes and as many of nonce: one pass
constexpr std::uint8_t four_pass_config = 6;  // 8 bytes and 9 of nonce
constexpr unsigned backends = 8;

// Server IDs of backend N: 0000NN, and eight bytes of NN.
QuicServerId server_id(std::uint8_t config, unsigned backend) {
  char digits[3];
  std::snprintf(digits, sizeof digits, "%02x", backend);
  std::string text = config == clear_config ? "0000" : "";
  for (std::size_t i = 0; i < (config == clear_config ? 1 : 8); ++i) text += digits;
  return QuicServerId::parse(text).value();
}

QuicLbConfig lb_config(std::uint8_t id) {
  QuicLbConfig out;
  out.config_id = id;
  out.server_id_length = id == clear_config ? 3 : 8;
  out.nonce_length = id == clear_config ? 4 : id == encrypted_config ? 8 : 9;
  if (id != clear_config) out.key = QuicLbKey::parse("8f95f09245765f80256934e50c66207f").value();
  return out;
}

Config quic_config(Forward forward = Forward::ipip, Family family = Family::ipv4) {
  Config config = test::sample_config({.name = "quic",
                                       .forward = forward,
                                       .vip_family = family,
                                       .backend_family = family,
                                       .protocol = Protocol::udp,
                                       .backends = backends});
  ServiceConfig& service = config.services[0];
  service.health.type = ProbeType::tcp;
  for (const std::uint8_t id : {clear_config, encrypted_config, four_pass_config})
    service.quic_lb.push_back(lb_config(id));
  for (unsigned n = 1; n <= backends; ++n)
    service.backends[n - 1].quic_server_ids = {server_id(clear_config, n),
                                               server_id(encrypted_config, n)};
  return config;
}

Bytes connection_id(std::uint8_t config, unsigned backend, std::uint8_t nonce = 0x55) {
  const QuicLbConfig lb = lb_config(config);
  const auto id =
      QuicLbCodec(lb).encode(server_id(config, backend), Bytes(lb.nonce_length, nonce), nonce);
  return {id.view().begin(), id.view().end()};
}

Bytes short_header(const Bytes& id) {
  Bytes out{0x41};
  out.insert(out.end(), id.begin(), id.end());
  out.insert(out.end(), 20, 0xee);
  return out;
}

Bytes long_header(const Bytes& id) {
  Bytes out{0xc1, 0, 0, 0, 1, static_cast<std::uint8_t>(id.size())};
  out.insert(out.end(), id.begin(), id.end());
  out.insert(out.end(), 20, 0xee);
  return out;
}

FrameSpec client_frame(std::uint16_t port, Bytes data, Family family = Family::ipv4,
                       unsigned client = 7) {
  FrameSpec spec;
  spec.payload = test::Payload::udp;
  spec.source =
      ip((family == Family::ipv4 ? "198.51.100." : "2001:db8:c::") + std::to_string(client));
  spec.destination = test::vip_of(family);
  spec.source_port = port;
  spec.data = std::move(data);
  return spec;
}

Health with_state(const Config& config, unsigned backend, TargetState state) {
  Health out;
  for (const BackendConfig& entry : config.services[0].backends)
    out.entries.push_back({"quic", entry.name, TargetState::up});
  out.entries[backend - 1].state = state;
  return out;
}

// Where the slots send a client from this port.
unsigned slot_backend(const Snapshot& snapshot, std::uint16_t port) {
  Rig rig;
  return rig.send(snapshot, client_frame(port, long_header(Bytes(8, 0xff)))).backend();
}

struct Mode {
  Forward forward;
  Family family;
};
constexpr Mode modes[] = {{Forward::ipip, Family::ipv4},
                          {Forward::ipip, Family::ipv6},
                          {Forward::l2dsr, Family::ipv4},
                          {Forward::nat, Family::ipv4},
                          {Forward::nat, Family::ipv6}};

TEST(QuicRoute, ANewAddressOfTheClientStaysOnItsServer) {
  for (const auto& [forward, family] : modes)
    for (const std::uint8_t config : {clear_config, encrypted_config, four_pass_config}) {
      const Snapshot snapshot = compiled(quic_config(forward, family));
      Rig rig;
      std::uint16_t port = 1'024;
      for (unsigned backend = 1; backend <= backends; ++backend)
        for (unsigned client = 1; client <= 5; ++client) {
          const Bytes id = connection_id(config, backend, static_cast<std::uint8_t>(client));
          const Outcome out = rig.send(
              snapshot, client_frame(++port, client % 2 == 0 ? long_header(id) : short_header(id),
                                     family, client));
          ASSERT_EQ(exit_of(out.verdict), Exit::transmit) << out.name();
          ASSERT_EQ(out.backend(), backend);
          ASSERT_EQ(test::wrong_checksums(out.frame), "");
        }
      EXPECT_EQ(rig.counters().quic_by_connection_id, backends * 5U);
      EXPECT_EQ(rig.counters().quic_by_flow, 0U);
      EXPECT_EQ(rig.counters().flows_inserted, backends * 5U);
      EXPECT_EQ(rig.counters().quic_flows_moved, 0U);
    }
}

TEST(QuicRoute, TheFlowIsRememberedOnTheServerThatWasNamed) {
  for (const auto& [forward, family] : modes) {
    const Snapshot snapshot = compiled(quic_config(forward, family));
    Rig rig;
    // The handshake begins with an ID that the client made up.
    const Bytes made_up{0xff, 1, 2, 3, 4, 5, 6, 7};
    const unsigned first =
        rig.send(snapshot, client_frame(5'000, long_header(made_up), family)).backend();
    const unsigned other = first % backends + 1;
    const Bytes named = short_header(connection_id(encrypted_config, other));
    EXPECT_EQ(rig.send(snapshot, client_frame(5'000, named, family)).backend(), other);
    // What names no server follows the flow from now on.
    EXPECT_EQ(rig.send(snapshot, client_frame(5'000, long_header(made_up), family)).backend(),
              other);
    EXPECT_EQ(rig.counters().quic_flows_moved, 1U);
    EXPECT_EQ(rig.counters().quic_by_connection_id, 1U);
    EXPECT_EQ(rig.counters().quic_by_flow, 2U);
    EXPECT_EQ(rig.counters().flows_inserted, 2U);
    EXPECT_EQ(rig.counters().flows_repicked, 0U);
  }
}

TEST(QuicRoute, NatOpensASessionToTheServerThatWasNamedAndClosesTheOldOne) {
  const Snapshot snapshot = compiled(quic_config(Forward::nat));
  Rig rig({.flows_max = 1'024});
  // Back and forth, far more often than there are sessions: each move gives the last one back.
  for (unsigned i = 0; i < 5'000; ++i) {
    const unsigned backend = i % backends + 1;
    const Outcome out = rig.send(
        snapshot, client_frame(5'000, short_header(connection_id(four_pass_config, backend))));
    ASSERT_EQ(out.name(), "sent_nat");
    ASSERT_EQ(out.backend(), backend);
    ParsedPacket sent;
    ASSERT_EQ(parse(out.frame, sent), Verdict::none);
    FrameSpec answer;
    answer.payload = test::Payload::udp;
    answer.source = sent.destination;
    answer.destination = sent.source;
    answer.source_port = sent.destination_port.host();
    answer.destination_port = sent.source_port.host();
    const Outcome back = rig.send(snapshot, answer);
    ASSERT_EQ(back.name(), "sent_nat_return");
    ASSERT_EQ(parse(back.frame, sent), Verdict::none);
    ASSERT_EQ(sent.destination_port.host(), 5'000);
  }
  EXPECT_EQ(rig.counters().quic_flows_moved, 4'999U);
}

TEST(QuicRoute, ConfigurationsRotate) {
  Config config = quic_config();
  const auto remove_first = [&] {
    auto& list = config.services[0].quic_lb;
    list.erase(list.begin());
    for (BackendConfig& backend : config.services[0].backends)
      backend.quic_server_ids.erase(backend.quic_server_ids.begin());
  };
  Snapshot snapshot = compiled(config);
  Rig rig;
  const unsigned wanted = slot_backend(snapshot, 6'000) % backends + 1;
  const Bytes old_id = short_header(connection_id(clear_config, wanted));
  const Bytes new_id = short_header(connection_id(encrypted_config, wanted));
  EXPECT_EQ(rig.send(snapshot, client_frame(6'000, old_id)).backend(), wanted);
  EXPECT_EQ(rig.send(snapshot, client_frame(6'001, new_id)).backend(), wanted);
  remove_first();
  snapshot = compiled(config, {}, &snapshot);
  // The known flow stays, a new one with the old configuration's ID is anyone's.
  EXPECT_EQ(rig.send(snapshot, client_frame(6'000, old_id)).backend(), wanted);
  EXPECT_EQ(rig.send(snapshot, client_frame(6'001, new_id)).backend(), wanted);
  EXPECT_EQ(rig.send(snapshot, client_frame(6'002, new_id)).backend(), wanted);
  EXPECT_EQ(rig.send(snapshot, client_frame(6'003, old_id)).backend(),
            slot_backend(snapshot, 6'003));
  EXPECT_EQ(rig.counters().quic_by_flow, 2U);
}

TEST(QuicRoute, WhatNamesNoServerGoesByFlow) {
  const Snapshot snapshot = compiled(quic_config());
  const Bytes nobody = [] {
    const QuicLbConfig lb = lb_config(encrypted_config);
    const auto id = QuicLbCodec(lb).encode(QuicServerId::parse("f0f0f0f0f0f0f0f0").value(),
                                           Bytes(lb.nonce_length, 1), 0);
    return Bytes(id.view().begin(), id.view().end());
  }();
  Bytes too_short = connection_id(clear_config, 3);
  too_short.pop_back();
  Bytes unroutable = connection_id(clear_config, 3);
  unroutable[0] |= 0xe0;
  Bytes unknown_config = connection_id(clear_config, 3);
  unknown_config[0] = 0x20;
  Bytes cut = long_header(connection_id(clear_config, 3));
  cut.resize(9);
  const Bytes datagrams[] = {long_header(nobody),
                             short_header(nobody),
                             long_header(too_short),
                             long_header(unroutable),
                             short_header(unroutable),
                             long_header(unknown_config),
                             long_header({}),
                             cut,
                             {0x41},
                             {0x80}};
  Rig rig;
  std::uint16_t port = 7'000;
  for (const Bytes& datagram : datagrams) {
    ++port;
    const unsigned wanted = slot_backend(snapshot, port);
    EXPECT_EQ(rig.send(snapshot, client_frame(port, datagram)).backend(), wanted);
    EXPECT_EQ(rig.send(snapshot, client_frame(port, datagram)).backend(), wanted);
  }
  FrameSpec empty = client_frame(7'999, {});
  empty.data_bytes = 0;
  EXPECT_EQ(rig.send(snapshot, empty).backend(), slot_backend(snapshot, 7'999));
  EXPECT_EQ(rig.counters().quic_by_connection_id, 0U);
  EXPECT_EQ(rig.counters().quic_by_flow, 2 * std::size(datagrams) + 1);
}

TEST(QuicRoute, OnlyWhatUdpSaysIsItsOwnIsRead) {
  const Snapshot snapshot = compiled(quic_config());
  const unsigned wanted = slot_backend(snapshot, 7'100) % backends + 1;
  const Bytes datagram = short_header(connection_id(clear_config, wanted));
  Bytes frame = test::build(client_frame(7'100, datagram));
  const std::size_t length_offset = 14 + 20 + 4 + 1;
  frame[length_offset] = 8 + 8;  // first byte, and 7 of the ID's 8
  Rig rig;
  EXPECT_EQ(rig.send(snapshot, frame).backend(), slot_backend(snapshot, 7'100));
  EXPECT_EQ(rig.counters().quic_by_flow, 1U);
  frame[length_offset] = 8 + 9;
  EXPECT_EQ(rig.send(snapshot, frame).backend(), wanted);
  EXPECT_EQ(rig.counters().quic_by_connection_id, 1U);
}

TEST(QuicRoute, ADrainedServerKeepsItsConnectionsAndOneThatIsDownDoesNot) {
  Config config = quic_config();
  const unsigned wanted = 4;
  config.services[0].backends[wanted - 1].drain = true;
  config.services[0].backends[wanted].weight = 0;
  Snapshot snapshot = compiled(config);
  Rig rig;
  const Bytes drained = short_header(connection_id(encrypted_config, wanted));
  const Bytes weightless = short_header(connection_id(encrypted_config, wanted + 1));
  EXPECT_EQ(rig.send(snapshot, client_frame(8'000, drained)).backend(), wanted);
  EXPECT_EQ(rig.send(snapshot, client_frame(8'001, drained)).backend(), wanted);
  EXPECT_EQ(rig.send(snapshot, client_frame(8'002, weightless)).backend(), wanted + 1);
  snapshot = compiled(config, with_state(config, wanted, TargetState::down), &snapshot);
  for (const unsigned port : {8'000U, 8'001U, 8'003U})
    EXPECT_NE(rig.send(snapshot, client_frame(static_cast<std::uint16_t>(port), drained)).backend(),
              wanted);
  EXPECT_EQ(rig.counters().flows_repicked, 2U);
  EXPECT_EQ(rig.counters().quic_by_flow, 3U);
  snapshot = compiled(config, with_state(config, wanted, TargetState::up), &snapshot);
  for (const unsigned port : {8'000U, 8'001U, 8'003U, 8'004U})
    EXPECT_EQ(rig.send(snapshot, client_frame(static_cast<std::uint16_t>(port), drained)).backend(),
              wanted);
}

TEST(QuicRoute, LaterFragmentsFollowTheFirst) {
  const Snapshot snapshot = compiled(quic_config());
  const unsigned wanted = slot_backend(snapshot, 8'100) % backends + 1;
  Rig rig;
  FrameSpec first = client_frame(8'100, short_header(connection_id(clear_config, wanted)));
  first.data.resize(64 - 8);
  first.more_fragments = true;
  first.dont_fragment = false;
  EXPECT_EQ(rig.send(snapshot, first).backend(), wanted);
  // Its bytes would name another server if they were read as the first ones.
  Bytes later = test::build(client_frame(8'100, Bytes(40, 0)));
  const Bytes other = short_header(connection_id(clear_config, wanted % backends + 1));
  std::ranges::copy(other, later.begin() + 14 + 20 + 8);
  later[14 + 6] = 0;
  later[14 + 7] = 64 / 8;
  EXPECT_EQ(rig.send(snapshot, later).backend(), wanted);
  EXPECT_EQ(rig.counters().quic_flows_moved, 0U);
}

TEST(QuicRoute, OtherServicesAreLeftAlone) {
  const Snapshot snapshot =
      compiled(test::sample_config({.protocol = Protocol::udp, .backends = backends}));
  Rig rig;
  std::set<unsigned> seen;
  for (std::uint16_t port = 9'000; port < 9'100; ++port)
    seen.insert(rig.send(snapshot, client_frame(port, short_header(connection_id(clear_config, 1))))
                    .backend());
  EXPECT_EQ(seen.size(), backends);
  EXPECT_EQ(rig.counters().quic_by_connection_id + rig.counters().quic_by_flow, 0U);
}

// Two implementations of one decision, on anything that may be a connection ID.
TEST(QuicRoute, ExplainNamesTheServerThatThePacketReaches) {
  std::mt19937_64 random(21);
  const Config config = quic_config();
  Rig rig({.flows_max = 4'096});
  Snapshot snapshot = compiled(config);
  std::uint64_t named = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (i % 500 == 499) {
      const auto state = static_cast<TargetState>(random() % 3);
      snapshot = compiled(config,
                          with_state(config, static_cast<unsigned>(random() % backends + 1), state),
                          &snapshot);
    }
    Bytes id = connection_id(static_cast<std::uint8_t>(random() % 4 * 2 % 8),
                             static_cast<unsigned>(random() % (backends + 2) + 1),
                             static_cast<std::uint8_t>(random()));
    if (random() % 4 == 0) id[random() % id.size()] ^= static_cast<std::uint8_t>(random());
    if (random() % 8 == 0) id.resize(random() % id.size() + 1);
    const bool is_long = random() % 2 == 0;
    // Behind a short header an ID ends where the datagram does, for what can be told.
    Bytes short_datagram{0x41};
    short_datagram.insert(short_datagram.end(), id.begin(), id.end());
    const FrameSpec spec = client_frame(static_cast<std::uint16_t>(10'000 + random() % 500),
                                        is_long ? long_header(id) : short_datagram);
    const FiveTuple tuple{spec.source, spec.destination, Port(spec.source_port), Port(80),
                          Protocol::udp};
    const auto entry = rig.flow(snapshot, tuple);
    const Explanation said =
        explain(snapshot, tuple, entry ? std::optional(entry->target) : std::nullopt,
                QuicHeader{.is_long = is_long, .connection_id = id});
    const std::uint64_t before = rig.counters().quic_by_connection_id;
    const Outcome done = rig.send(snapshot, spec);
    ASSERT_TRUE(said.backend);
    ASSERT_EQ(test::backend_address(Family::ipv4, done.backend()),
              snapshot.backend(*said.backend).address)
        << said.reasons.back();
    ASSERT_EQ(rig.counters().quic_by_connection_id - before, said.by_connection_id ? 1U : 0U);
    named += said.by_connection_id ? 1 : 0;
  }
  EXPECT_GT(named, 5'000U);
  EXPECT_LT(named, 15'000U);
}

// Frames end at a guard page.
TEST(QuicRoute, AnyDatagramIsForwarded) {
  std::mt19937_64 random(22);
  for (const Forward forward : {Forward::ipip, Forward::nat}) {
    Rig rig({.flows_max = 4'096});
    const Snapshot snapshot = compiled(quic_config(forward));
    for (int i = 0; i < 20'000; ++i) {
      Bytes data(random() % 40 + 1);
      for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(random());
      if (random() % 2 == 0 && data.size() > 6) {
        data[0] |= 0x80;
        data[5] = static_cast<std::uint8_t>(random() % 24);
      }
      const auto port = static_cast<std::uint16_t>(20'000 + random() % 300);
      const Outcome out = rig.send(snapshot, client_frame(port, std::move(data)));
      ASSERT_EQ(exit_of(out.verdict), Exit::transmit) << out.name();
    }
    EXPECT_EQ(rig.counters().quic_by_connection_id + rig.counters().quic_by_flow, 20'000U);
  }
}

}  // namespace
}  // namespace sluice::dataplane
