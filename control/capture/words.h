#pragma once

#include <string>

#include "control/admin/json.h"
#include "control/state/state.h"
#include "core/capture/record.h"
#include "core/contract/shared_view.h"

namespace sluice::control {

/// Whom a captured packet's numbers mean.
struct PacketNames {
  std::string service;  // empty: of none
  std::string backend;  // empty: none had to do with it
  std::string in_port;
  std::string out_port;  // empty: it was not sent
};
/// `counters`: of the data plane, whose directory tells; null: nothing is known but ports.
[[nodiscard]] PacketNames names_of(const CaptureRecord& record, const Config& config,
                                   const CountersView* counters);

/// "sent_ipip web/web1 out wan0, known flow": how a packet that came in left.
[[nodiscard]] std::string verdict_comment(const CaptureRecord& record, const PacketNames& names);

/// Everything about a packet, with the steps of its decision in words. `number` counts from 1.
[[nodiscard]] Json trace_of(std::uint64_t number, const CapturedPacket& packet,
                            const PacketNames& names, const Snapshot& snapshot);

}  // namespace sluice::control
