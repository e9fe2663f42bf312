#pragma once

#include <cstdint>

#include "core/config/snapshot.h"
#include "core/flow/lookup.h"
#include "core/flow/verdict.h"
#include "core/limit/source_table.h"
#include "core/net/parse.h"

namespace sluice::dataplane {

/// What the look loop found out about where a packet belongs.
enum class Role : std::uint8_t {
  none,        // the verdict is final already
  flow,        // a client's packet for a listener
  local,       // the same, of a service of this host's kernel
  nat_return,  // a server's packet for a source-pool address
  echo,        // an echo request to a VIP
  vip_error,   // an ICMP error to a VIP
  pool_error,  // an ICMP error to a source-pool address
  fragment,    // of a packet to a VIP or a source-pool address; Fragments::classify finds its role
};

/// One packet of a burst: a contiguous frame in a buffer that someone else owns. The pipeline moves
/// `data` into the headroom when it puts headers in front, and leaves its decision in `verdict` and
/// `out_port`.
struct Packet {
  std::uint8_t* data = nullptr;
  std::uint16_t length_bytes = 0;
  std::uint16_t headroom_bytes = 0;  // writable bytes before `data`
  PortIndex in_port = no_port;
  PortIndex out_port = no_port;  // for verdicts that send
  Verdict verdict = Verdict::none;
  Role role = Role::none;
  Guards guards;                   // role flow: the listener's
  bool is_wide = false;            // role flow: the listener is
  std::uint16_t listener = 0;      // role flow: ListenerId
  std::uint16_t service = 0;       // role flow: into Snapshot::services
  std::uint16_t source_index = 0;  // roles nat_return and pool_error: into Snapshot::sources
  std::uint16_t to_worker = 0;     // verdict handed_over
  std::uint16_t hold_slot = 0;     // verdict held_fragment
  bool has_waited = false;         // is a fragment that was held
  std::uint64_t table_hash = 0;    // of the flow's or return's key
  // Where the flow's entry was when the burst began to be sent, or with role nat_return its
  // session, if it was there; by now it may be another flow's.
  void* entry = nullptr;
  // With guards.sources: the client, and its row from when the packet was admitted until the next
  // one is; null when the table had no room.
  std::uint64_t source_tag = 0;
  SourceTable::Row* source = nullptr;
  Target target;                         // for captures: the backend, when there is one
  FlowLookup lookup = FlowLookup::none;  // for captures: what the flow table said
  ParsedPacket parsed;
};

/// Where packets with this verdict go.
enum class Exit : std::uint8_t { transmit, kernel, worker, hold, drop };
[[nodiscard]] constexpr Exit exit_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::sent_ipip:
    case Verdict::sent_gue:
    case Verdict::sent_gre:
    case Verdict::sent_l2dsr:
    case Verdict::sent_nat:
    case Verdict::sent_nat_return:
    case Verdict::sent_nat64:
    case Verdict::sent_nat64_return:
    case Verdict::sent_l3dsr:
    case Verdict::replied_echo:
    case Verdict::replied_too_big:
    case Verdict::replied_reset:
    case Verdict::sent_icmp_error:
    case Verdict::sent_icmp_error_return:
    case Verdict::sent_proxy_header:
    case Verdict::replied_syn_cookie:
    case Verdict::sent_syn_proxy:
      return Exit::transmit;
    case Verdict::passed_to_kernel:
    case Verdict::sent_local:
      return Exit::kernel;
    case Verdict::handed_over:
      return Exit::worker;
    case Verdict::held_fragment:
      return Exit::hold;
    default:
      return Exit::drop;
  }
}

}  // namespace sluice::dataplane
