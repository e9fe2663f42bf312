#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/flow/five_tuple.h"
#include "core/flow/hash_words.h"
#include "core/net/address.h"

// The entries of the flow tables. Trivially copyable, all zero when empty, part of the
// shared-memory layout (core/contract/shared_memory.h carries the version).

namespace sluice {

/// Seconds of the data plane's clock, wrapping after 18 hours. The sweep visits every entry far
/// more often.
using FlowTick = std::uint16_t;

/// What we know of a flow's life, from the direction we see.
enum class FlowState : std::uint8_t {
  empty,
  opening,      // TCP, only SYNs so far; SCTP, only INITs
  established,  // after an ACK, or any other chunk; UDP once the client has spoken again; IP at
                // once
  closing,      // TCP after FIN or RST; SCTP after SHUTDOWN ACK, SHUTDOWN COMPLETE or ABORT
  unanswered,   // UDP, a new client's, which may be forged; with a NAT session, however many
  answered,     // UDP with a NAT session: the server spoke, the client has not since
};

/// Whether nothing yet shows that the client is real: such a flow gives way when there is no room.
[[nodiscard]] constexpr bool is_half_open(FlowState state) {
  return state == FlowState::opening || state == FlowState::unanswered ||
         state == FlowState::answered;
}

/// Who a packet of a client's flow is from and for: the listener stands for VIP, port and protocol.
struct FlowKey {
  Address client;
  Be16 client_port;
  std::uint16_t listener = 0;
};

/// Common tail of a flow entry. `value` is a Target's bits, or with `is_nat` the number of a
/// NatSession.
struct FlowValue {
  std::uint32_t value = 0;
  FlowTick last_seen = 0;
  FlowState state = FlowState::empty;
  std::uint8_t is_nat : 1 = 0;
  // The SourceTable's epoch in which this flow was counted among its client's; 0: it is not.
  std::uint8_t counted_epoch : 7 = 0;
};
static_assert(sizeof(FlowValue) == 8);

/// A flow of an IPv4 client: 16 bytes, four to a cache line.
struct FlowEntry4 {
  std::uint64_t key_bits =
      0;  // client address, client port, listener, each as loaded from the wire
  FlowValue flow;

  using Key = std::uint64_t;
  [[nodiscard]] static Key key_of(const FlowKey& key) {
    return static_cast<std::uint64_t>(key.client.ipv4().raw()) << 32 |
           static_cast<std::uint64_t>(key.client_port.raw()) << 16 | key.listener;
  }
  [[nodiscard]] FlowKey flow_key() const {
    return {Address::from_ipv4(Be32::from_raw(static_cast<std::uint32_t>(key_bits >> 32))),
            Be16::from_raw(static_cast<std::uint16_t>(key_bits >> 16)),
            static_cast<std::uint16_t>(key_bits)};
  }
  [[nodiscard]] Key key() const { return key_bits; }
  void set_key(Key key) { key_bits = key; }
  [[nodiscard]] bool is_empty() const { return flow.state == FlowState::empty; }
  [[nodiscard]] bool has_bits(Key key) const { return key_bits == key; }
  [[nodiscard]] static std::uint64_t hash(Key key, std::uint64_t seed) {
    return detail::hash_words(key, seed);
  }
};
static_assert(sizeof(FlowEntry4) == 16);

/// A flow of an IPv6 client: 32 bytes, two to a cache line.
struct FlowEntry6 {
  struct Key {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::uint32_t rest = 0;  // client port as loaded from the wire, listener above it
    friend bool operator==(const Key&, const Key&) = default;
  };
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint32_t rest = 0;
  std::uint32_t unused = 0;
  FlowValue flow;

  [[nodiscard]] static Key key_of(const FlowKey& key) {
    return {key.client.raw_high(), key.client.raw_low(),
            static_cast<std::uint32_t>(key.listener) << 16 | key.client_port.raw()};
  }
  [[nodiscard]] FlowKey flow_key() const {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &high, 8);
    std::memcpy(bytes.data() + 8, &low, 8);
    return {Address::from_bytes(bytes), Be16::from_raw(static_cast<std::uint16_t>(rest)),
            static_cast<std::uint16_t>(rest >> 16)};
  }
  [[nodiscard]] Key key() const { return {high, low, rest}; }
  void set_key(const Key& key) {
    high = key.high;
    low = key.low;
    rest = key.rest;
  }
  [[nodiscard]] bool is_empty() const { return flow.state == FlowState::empty; }
  [[nodiscard]] bool has_bits(const Key& key) const {
    return ((low ^ key.low) | (high ^ key.high) | (rest ^ key.rest)) == 0;
  }
  [[nodiscard]] static std::uint64_t hash(const Key& key, std::uint64_t seed) {
    return detail::hash_words(key.high, key.low, key.rest, seed);
  }
};
static_assert(sizeof(FlowEntry6) == 32);

/// A flow of a wide listener, which does not stand for VIP, port and protocol: one cache line. Of a
/// service for any protocol the ports are zero and the protocol is Protocol::any. Which listener
/// has it is not part of the key, so that flows outlive a change of the ranges.
struct alignas(64) WideFlowEntry {
  struct Key {
    Address client;
    Address vip;
    Be16 client_port;
    Be16 vip_port;
    Protocol protocol = Protocol::any;
    friend bool operator==(const Key&, const Key&) = default;
  };
  Address client;
  Address vip;
  Be16 client_port;
  Be16 vip_port;
  Protocol protocol{};
  std::uint8_t unused = 0;
  std::uint16_t listener = 0;
  FlowValue flow;
  std::array<std::uint8_t, 16> unused_too{};

  [[nodiscard]] FlowKey flow_key() const { return {client, client_port, listener}; }
  [[nodiscard]] Key key() const { return {client, vip, client_port, vip_port, protocol}; }
  void set_key(const Key& key) {
    client = key.client;
    vip = key.vip;
    client_port = key.client_port;
    vip_port = key.vip_port;
    protocol = key.protocol;
  }
  [[nodiscard]] bool is_empty() const { return flow.state == FlowState::empty; }
  [[nodiscard]] bool has_bits(const Key& other) const { return key() == other; }
  [[nodiscard]] static std::uint64_t hash(const Key& key, std::uint64_t seed) {
    const std::uint64_t rest = static_cast<std::uint64_t>(key.client_port.raw()) << 32 |
                               static_cast<std::uint64_t>(key.vip_port.raw()) << 16 |
                               static_cast<std::uint64_t>(key.protocol);
    const std::uint64_t vip = detail::hash_words(key.vip.raw_high(), key.vip.raw_low(), rest, seed);
    return detail::hash_words(key.client.raw_high(), key.client.raw_low(), vip, seed);
  }
};
static_assert(sizeof(WideFlowEntry) == 64);

/// Both directions of one full-NAT flow: one cache line, found by number from either table.
struct alignas(64) NatSession {
  Address client;
  Address server;
  Be16 client_port;
  Be16 server_port;
  Be16 source_port;          // ours, towards the server
  std::uint16_t source = 0;  // index into Snapshot::sources
  std::uint16_t listener = 0;
  std::uint16_t in_port = 0;  // where the client's packets come from and its answers go
  std::array<std::uint8_t, 6> client_mac{};  // last hop towards the client
  std::array<std::uint8_t, 6> own_mac{};     // the address that hop sends to
  std::uint32_t target = 0;                  // Target bits
  FlowTick last_seen = 0;
  FlowState state : 7 = FlowState::empty;  // g++ 12 takes no {} for a whole session then
  std::uint8_t is_adjusted : 1 = 0;        // its NatAdjust (core/flow/adjust.h) is in use
  std::uint8_t protocol = 0;
};
static_assert(sizeof(NatSession) == 64);

/// From a server's answer to its session; lives exactly as long as the session.
struct NatReturnKey {
  Address server;
  Be16 server_port;
  Be16 source_port;
  std::uint16_t source = 0;  // index into Snapshot::sources, far below 0x4000
  Protocol protocol = Protocol::tcp;

  [[nodiscard]] std::uint16_t tagged_source() const {
    const unsigned tag = protocol == Protocol::udp    ? 0x8000U
                         : protocol == Protocol::sctp ? 0x4000U
                                                      : 0U;
    return static_cast<std::uint16_t>(source | tag);
  }
};

struct NatReturn4 {
  struct Key {
    std::uint64_t endpoint =
        0;  // server address, server port, our port, each as loaded from the wire
    std::uint16_t source = 0;  // with the top bits for the protocol
    friend bool operator==(const Key&, const Key&) = default;
  };
  std::uint64_t endpoint = 0;
  std::uint16_t source = 0;
  std::uint16_t used = 0;
  std::uint32_t session = 0;

  [[nodiscard]] static Key key_of(const NatReturnKey& key) {
    return {static_cast<std::uint64_t>(key.server.ipv4().raw()) << 32 |
                static_cast<std::uint64_t>(key.server_port.raw()) << 16 | key.source_port.raw(),
            key.tagged_source()};
  }
  [[nodiscard]] Key key() const { return {endpoint, source}; }
  void set_key(const Key& key) {
    endpoint = key.endpoint;
    source = key.source;
    used = 1;
  }
  [[nodiscard]] bool is_empty() const { return used == 0; }
  [[nodiscard]] bool has_bits(const Key& key) const {
    return ((endpoint ^ key.endpoint) | (source ^ key.source)) == 0;
  }
  [[nodiscard]] static std::uint64_t hash(const Key& key, std::uint64_t seed) {
    return detail::hash_words(key.endpoint, key.source, 0, seed);
  }
};
static_assert(sizeof(NatReturn4) == 16);

struct NatReturn6 {
  struct Key {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::uint64_t rest = 0;  // server port, our port, source with the top bits for the protocol
    friend bool operator==(const Key&, const Key&) = default;
  };
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint64_t rest = 0;
  std::uint32_t session = 0;
  std::uint32_t used = 0;

  [[nodiscard]] static Key key_of(const NatReturnKey& key) {
    const std::uint64_t source = key.tagged_source();
    return {key.server.raw_high(), key.server.raw_low(),
            source << 32 | static_cast<std::uint64_t>(key.server_port.raw()) << 16 |
                key.source_port.raw()};
  }
  [[nodiscard]] Key key() const { return {high, low, rest}; }
  void set_key(const Key& key) {
    high = key.high;
    low = key.low;
    rest = key.rest;
    used = 1;
  }
  [[nodiscard]] bool is_empty() const { return used == 0; }
  [[nodiscard]] bool has_bits(const Key& key) const {
    return ((low ^ key.low) | (high ^ key.high) | (rest ^ key.rest)) == 0;
  }
  [[nodiscard]] static std::uint64_t hash(const Key& key, std::uint64_t seed) {
    return detail::hash_words(key.high, key.low, key.rest, seed);
  }
};
static_assert(sizeof(NatReturn6) == 32);

}  // namespace sluice
