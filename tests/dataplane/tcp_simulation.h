#pragma once

#include <deque>
#include <random>

#include "core/net/proxy_header.h"
#include "tests/dataplane/tcp_peers.h"

namespace sluice::dataplane {

inline Address client_of(Family family) {
  return test::ip(family == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::7");
}

inline test::Bytes header_of(Family family) {
  std::array<std::uint8_t, proxy_header_bytes_max> buffer{};
  const auto header = write_proxy_header({.client = client_of(family),
                                          .vip = test::vip_of(family),
                                          .client_port = Be16::from_host(40'000),
                                          .vip_port = Be16::from_host(80)},
                                         buffer);
  return {header.begin(), header.end()};
}

/// Seeds take turns.
inline Family family_of(std::uint64_t seed) { return seed % 2 == 0 ? Family::ipv4 : Family::ipv6; }

/// Client and server over a network that loses, repeats and reorders.
struct Simulation {
  Simulation(std::uint64_t seed, const Config& config)
      : random(seed),
        family(family_of(seed)),
        is_proxied(config.services[0].proxy_protocol != ProxyProtocol::off),
        snapshot(test::compiled(config)) {
    client = {.own = client_of(family),
              .other = test::vip_of(family),
              .own_port = 40'000,
              .other_port = 80,
              .isn = static_cast<std::uint32_t>(random())};
    server = {.isn = static_cast<std::uint32_t>(random())};
    client.to_send = some_bytes(random() % 4 == 0 ? 0 : 5'000);
    server.to_send = some_bytes(5'000);
    client.segment_bytes = random() % 3 == 0 ? 1'440 : 1 + random() % 1'400;
    server.segment_bytes = 1 + random() % 1'400;
    client.send = [this](const test::FrameSpec& spec) { put({.to_server = true, .spec = spec}); };
    server.send = [this](const test::FrameSpec& spec) { put({.to_server = false, .spec = spec}); };
    loss = random() % 4;
  }

  struct InFlight {
    bool to_server = false;
    test::FrameSpec spec;
  };

  test::Bytes some_bytes(std::size_t count_max) {
    test::Bytes out(count_max == 0 ? 0 : random() % count_max);
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random());
    return out;
  }
  void put(const InFlight& packet) {
    if (random() % 10 < loss) return;
    const auto at = random() % 4 == 0 ? random() % (flying.size() + 1) : flying.size();
    flying.insert(flying.begin() + static_cast<long>(at), packet);
    if (random() % 20 == 0) flying.push_back(packet);
  }
  // The handshake, and everything after it by each end's own numbers.
  void deliver(const InFlight& packet) {
    const Outcome out = rig.send(snapshot, packet.spec);
    if (exit_of(out.verdict) != Exit::transmit || random() % 10 < loss) return;
    const Segment segment = read(out);
    if (packet.to_server && out.verdict != Verdict::replied_syn_cookie)
      at_server(out, segment);
    else
      at_client(out, segment);
  }
  void at_server(const Outcome& out, const Segment& segment) {
    if ((segment.flags & wire::TcpHeader::syn) != 0) {
      if (server.synchronized) return server.ack();  // a challenge (RFC 5961 section 4)
      server.own = segment.packet.destination;
      server.other = segment.packet.source;
      server.own_port = segment.packet.destination_port.host();
      server.other_port = segment.packet.source_port.host();
      server.other_isn = segment.sequence;
      syn_ack();
      return;
    }
    server.synchronized = true;
    server.take(out.frame);
  }
  void syn_ack() {
    test::FrameSpec spec = server.segment(0, wire::TcpHeader::syn | wire::TcpHeader::ack);
    --spec.tcp_sequence;
    put({.to_server = false, .spec = spec});
  }
  void at_client(const Outcome& out, const Segment& segment) {
    if ((segment.flags & wire::TcpHeader::syn) == 0) {
      if (client.synchronized) client.take(out.frame);
      return;
    }
    EXPECT_EQ(segment.acknowledgement, client.isn + 1);
    client.other_isn = segment.sequence;
    client.synchronized = true;
    // The ACK alone, behind data that is on its way, or with the first data.
    if (random() % 2 == 0) client.ack();
    if (random() % 2 == 0) client.transmit(1 + static_cast<int>(random() % 3));
  }
  // What a timer would do.
  void nudge() {
    if (!client.synchronized) {
      test::FrameSpec syn = client.segment(0, wire::TcpHeader::syn);
      --syn.tcp_sequence;
      put({.to_server = true, .spec = syn});
    } else if (!client.fin_acked) {
      client.transmit(1 + static_cast<int>(random() % 3));
    }
    if (server.synchronized && !server.fin_acked)
      server.transmit(1 + static_cast<int>(random() % 3));
    else if (!server.synchronized && server.other_isn != 0)
      syn_ack();
  }
  [[nodiscard]] bool is_over() const {
    return client.fin_acked && server.fin_acked && client.fin_received && server.fin_received;
  }
  /// Plays until both ends have everything; what went wrong, or nothing.
  std::string judge() {
    run();
    if (!is_over()) return "it does not end";
    test::Bytes expected = is_proxied ? header_of(family) : test::Bytes{};
    expected.insert(expected.end(), client.to_send.begin(), client.to_send.end());
    if (server.received != expected) return "the server got something else";
    if (client.received != server.to_send) return "the client got something else";
    return client.complaint + server.complaint;
  }
  void run() {
    for (int step = 0; step < 20'000 && !is_over(); ++step) {
      if (flying.empty() || random() % 8 == 0) nudge();
      if (flying.empty()) continue;
      const InFlight packet = flying.front();
      flying.pop_front();
      deliver(packet);
      if (testing::Test::HasFailure()) return;
    }
  }

  std::mt19937_64 random;
  Family family;
  bool is_proxied = false;
  Snapshot snapshot;
  Rig rig;
  TcpPeer client;
  TcpPeer server;
  std::deque<InFlight> flying;
  std::uint64_t loss = 0;  // of ten, on each side of the balancer
};

}  // namespace sluice::dataplane
