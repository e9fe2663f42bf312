#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/snapshot.h"
#include "core/flow/five_tuple.h"

namespace sluice {

/// Why a packet goes where it goes: the same look-ups as the packet path, in its order, with words.
struct Explanation {
  FiveTuple tuple;
  std::optional<ListenerId> listener;  // none: not ours, the kernel has it
  std::string service;
  Forward forward = Forward::ipip;
  bool by_connection_id = false;  // a QUIC connection ID decided
  bool known_flow = false;        // a flow-table hit decided
  std::uint32_t flow_hash = 0;
  std::uint32_t slot = 0;  // meaningful when neither decided
  std::uint32_t slot_count = 0;
  std::optional<BackendId> backend;  // none: nothing to send to
  std::string backend_name;
  std::optional<Path> path;
  std::string encapsulation;         // "IPv4 10.0.1.1 -> 10.0.1.11, protocol 4"
  std::vector<std::string> reasons;  // the steps, one sentence each
};

/// Among the reasons without an entry.
inline constexpr std::string_view unknown_flow_reason = "the flow table does not know this flow";

/// `entry` is what the flow table holds for this tuple, if anything (core/contract/shared_view
/// reads it from a live data plane). `quic`: what the packet begins with, when it is
/// a QUIC packet.
[[nodiscard]] Explanation explain(const Snapshot& snapshot, const FiveTuple& tuple,
                                  std::optional<Target> entry,
                                  std::optional<QuicHeader> quic = std::nullopt);

}  // namespace sluice
