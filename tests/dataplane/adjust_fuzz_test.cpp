#include <gtest/gtest.h>
#include <random>

#include "tests/dataplane/tcp_simulation.h"

// Segments that no TCP would send, from both sides, at connections in every state.

namespace sluice::dataplane {
namespace {

using test::FrameSpec;

struct Chaos {
  explicit Chaos(std::uint64_t seed) : random(seed), family(family_of(seed)) {
    Config config = test::sample_config(
        {.forward = Forward::nat, .vip_family = family, .backend_family = family, .backends = 1});
    config.services[0].proxy_protocol = seed % 3 == 0 ? ProxyProtocol::off : ProxyProtocol::v2;
    config.services[0].syn_cookies = seed % 4 < 2 ? SynCookies::always : SynCookies::off;
    snapshot = test::compiled(config);
    from_client.source = client_of(family);
    from_client.destination = test::vip_of(family);
  }

  // Numbers near those that mean something, or any.
  std::uint32_t near(std::uint32_t number) {
    const auto distance = static_cast<std::uint32_t>(random() % 121) - 60;
    return random() % 8 == 0 ? static_cast<std::uint32_t>(random()) : number + distance;
  }
  void randomize(FrameSpec& spec, std::uint32_t sequence, std::uint32_t acknowledgement) {
    spec.tcp_flags = static_cast<std::uint8_t>(random() % 3 == 0 ? random() & 0x3f : 0x10);
    spec.tcp_sequence = random() % 2 == 0 ? sequence : near(sequence);
    spec.tcp_acknowledgement = random() % 2 == 0 ? acknowledgement : near(acknowledgement);
    spec.tcp_window = static_cast<std::uint16_t>(random());
    spec.data_bytes = static_cast<std::uint16_t>(random() % 3 == 0 ? random() % 1'400 : 0);
    spec.padding_bytes = static_cast<std::uint16_t>(random() % 7);
    spec.more_fragments = random() % 50 == 0;
    spec.tcp_options.resize(random() % 11 * 4);
    for (std::uint8_t& byte : spec.tcp_options)
      byte = static_cast<std::uint8_t>(random() % 4 == 0 ? random() : random() % 12);
  }
  void step() {
    const bool to_server = from_server.source_port == 0 || random() % 2 == 0;
    FrameSpec spec = to_server ? from_client : from_server;
    if (to_server)
      randomize(spec, client_isn + 1, cookie + 1);
    else
      randomize(spec, server_isn + 1, client_isn + 1);
    if (random() % 20 == 0) {  // a handshake's first step, so that there are connections at all
      spec.tcp_flags = to_server ? 0x02 : 0x12;
      spec.tcp_sequence = to_server ? client_isn : server_isn;
      spec.tcp_acknowledgement = client_isn + 1;
    }
    const Outcome out = rig.send(snapshot, spec);
    if (exit_of(out.verdict) != Exit::transmit) return;
    ASSERT_EQ(test::wrong_checksums(out.frame), "") << out.name() << test::hex(out.frame);
    ParsedPacket packet;
    ASSERT_EQ(parse(out.frame, packet), Verdict::none) << out.name();
    ASSERT_LE(packet.ip_length_bytes, 1'500) << out.name();
    ASSERT_EQ(packet.l3_offset + std::size_t{packet.ip_length_bytes}, out.frame.size());
    if (out.verdict == Verdict::replied_syn_cookie) cookie = read(out).sequence;
    if (!to_server || out.verdict == Verdict::replied_syn_cookie) return;
    from_server.source = packet.destination;
    from_server.destination = packet.source;
    from_server.source_port = packet.destination_port.host();
    from_server.destination_port = packet.source_port.host();
  }

  std::mt19937_64 random;
  Family family;
  Snapshot snapshot;
  Rig rig;
  FrameSpec from_client;
  FrameSpec from_server{.source_port = 0};
  std::uint32_t client_isn = 0xffffffe0;
  std::uint32_t server_isn = 0x7000;
  std::uint32_t cookie = 0;
};

TEST(AdjustFuzz, WhateverComesInWhatGoesOutIsWellFormed) {
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    Chaos chaos(seed);
    for (int i = 0; i < 1'000; ++i) {
      chaos.step();
      ASSERT_FALSE(HasFatalFailure()) << "seed " << seed << " step " << i;
    }
    std::uint64_t sent = 0;
    for (std::size_t i = 0; i < verdict_count; ++i)
      if (exit_of(Verdict{static_cast<std::uint8_t>(i)}) == Exit::transmit)
        sent += chaos.rig.count(Verdict{static_cast<std::uint8_t>(i)});
    ASSERT_GT(sent, 200U) << "seed " << seed << ": hardly anything was tested";
  }
}

}  // namespace
}  // namespace sluice::dataplane
