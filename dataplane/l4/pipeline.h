#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/config/snapshot.h"
#include "core/contract/shared_memory.h"
#include "core/limit/token_bucket.h"
#include "dataplane/l4/adjust.h"
#include "dataplane/l4/flow_memory.h"
#include "dataplane/l4/fragments.h"
#include "dataplane/l4/packet.h"
#include "dataplane/l4/sources.h"
#include "dataplane/l4/steering.h"
#include "dataplane/l4/syn_gate.h"
#include "dataplane/l4/track.h"

namespace sluice::dataplane {

/// The time of one burst.
struct BurstTime {
  std::uint64_t now_ns = 0;  // monotonic
};

/// The packet path of one worker: loops over a burst. *look* parses, classifies, hashes and
/// prefetches each packet's bucket of the flow table; *recall* finds the flow there and prefetches
/// what it leads to; *send* tracks, picks and rewrites each. Knows buffers, not ports: the
/// worker feeds it from DPDK, tests and replay feed it from memory. No allocation, lock or system
/// call.
class Pipeline {
 public:
  struct Options {
    std::uint16_t worker = 0;
    std::uint16_t workers = 1;
    // By PortIndex: frames to another unicast address are not ours, they only passed by (a bridge
    // floods); all zero: take every frame.
    std::vector<MacAddress> port_macs;
    // By PortIndex: the largest IP packet of the link; of a port that is not listed, 1,500.
    std::vector<std::uint16_t> port_mtus_bytes{};
    SipHashKey cookie_key{};  // of SYN cookies: random, or anyone can make them
    // Every worker's, this one's among them; empty: this one's alone.
    std::span<WorkerCounters> all_counters{};
  };
  Pipeline(const FlowMemory& memory, const ReturnSteering& steering, WorkerCounters& counters,
           Options options);

  /// Decides every packet of the burst: each leaves with its verdict, its frame rewritten where it
  /// is to be sent. Verdicts are counted by `count_verdicts`, when it is known whether the port
  /// took the packet.
  void process(const Snapshot& snapshot, std::span<Packet> burst, BurstTime time);

  void count_verdicts(std::span<const Packet> burst);
  /// The slots of frames with the verdict `held_fragment` that are to be processed again now, with
  /// `has_waited` set. Whoever runs the pipeline keeps the frames. Good until the next call.
  [[nodiscard]] bool holds_fragments() const { return fragments_.holds_any(); }
  [[nodiscard]] std::span<const std::uint16_t> ripe_fragments(BurstTime time) {
    return fragments_.ripe(time.now_ns);
  }
  /// Does the ageing that is due: a full round over the tables takes half a minute, a step a
  /// fraction of a millisecond. Call it often.
  void age(const Snapshot& snapshot, BurstTime time);

 private:
  void look(const Snapshot& snapshot, Packet& packet);
  [[gnu::cold]] void look_at_fragment(const Snapshot& snapshot, Packet& packet);
  void look_at_guarded(const Snapshot& snapshot, Packet& packet);
  void refuse(Packet& packet, Verdict verdict);
  void send(const Snapshot& snapshot, Packet& packet, std::uint64_t now_ns);
  void send_flow(const Snapshot& snapshot, Packet& packet, std::uint64_t now_ns);
  void send_chosen(const Snapshot& snapshot, Packet& packet, std::uint64_t now_ns);
  void send_to_backend(const Snapshot& snapshot, Packet& packet, const Backend& backend,
                       NatSession* session, std::uint64_t now_ns);
  [[gnu::cold]] void reset_client(Packet& packet, std::uint64_t now_ns);
  void send_return(const Snapshot& snapshot, Packet& packet, std::uint64_t now_ns);
  // Kept out of the way of all other packets.
  [[gnu::cold]] void send_icmp(const Snapshot& snapshot, Packet& packet);
  [[gnu::cold]] void send_local(Packet& packet);
  [[gnu::cold]] void send_vip_error(const Snapshot& snapshot, Packet& packet);
  [[gnu::cold]] void send_pool_error(const Snapshot& snapshot, Packet& packet);
  void hand_over(Packet& packet, std::uint16_t owner) const;
  [[nodiscard]] bool is_for_us(const Packet& packet) const;
  [[nodiscard]] std::uint16_t link_mtu_bytes(PortIndex port) const;

  Options options_;
  std::vector<std::uint64_t> own_macs_;  // options_.port_macs; 0: any
  SynGate syn_gate_;
  Sources sources_;
  Tracker tracker_;
  Fragments fragments_;
  Adjustments adjustments_;
  WorkerCounters& counters_;
  TokenBucket icmp_errors_;
  TokenBucket resets_;
  std::uint16_t next_identification_;  // of IPv4 packets made from IPv6 ones
  std::uint64_t age_ns_ = 0;           // up to when ageing has been done
};

}  // namespace sluice::dataplane
