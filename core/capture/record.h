#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/capture/filter.h"
#include "core/config/snapshot.h"
#include "core/flow/lookup.h"
#include "core/flow/verdict.h"

// What a capture is asked for and what it gives: from the worker's ring by the socket between the
// two processes to whoever makes files or words of it.

namespace sluice {

inline constexpr std::uint32_t capture_packets_max = 1'000'000;
inline constexpr std::uint32_t capture_seconds_max = 3'600;
inline constexpr std::uint32_t capture_snaplen_max = 65'535;
/// Of packets that belong to no listener, or no backend had to do with.
inline constexpr std::uint16_t no_listener = 0xffff;
inline constexpr Target no_target{0xffffffff};

struct CaptureRequest {
  std::vector<FilterInstruction> program{};     // empty: every packet
  std::uint32_t packets = 10'000;               // 1 to capture_packets_max
  std::uint32_t seconds = 60;                   // 1 to capture_seconds_max
  std::uint32_t snaplen = capture_snaplen_max;  // bytes of each frame that are kept, from 14 on
  bool with_sent = false;                       // the frame as it goes out too

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("program", self.program);
    visit("packets", self.packets);
    visit("seconds", self.seconds);
    visit("snaplen", self.snaplen);
    visit("with_sent", self.with_sent);
  }
};
inline constexpr std::uint32_t capture_snaplen_min = 14;  // the link header

/// A part of a capture.
struct CapturePiece {
  std::string records{};      // CaptureRecords, one behind the other
  std::uint64_t dropped = 0;  // packets so far that the filter took but for which there was no room
  bool ended = false;         // nothing more comes
  bool failed = false;        // not because it had its packets or its time was up
  std::string reason{};       // why it has ended

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("records", self.records);
    visit("dropped", self.dropped);
    visit("ended", self.ended);
    visit("failed", self.failed);
    visit("reason", self.reason);
  }
};

/// In front of the bytes of a captured packet: first as it came in, then as it went out.
struct CaptureRecord {
  static constexpr std::size_t alignment = 8;

  std::uint32_t size_bytes = 0;  // of all of it, a multiple of `alignment`
  std::uint32_t is_filler = 0;   // 1: nothing but the end of a ring
  std::uint64_t time_ns = 0;     // since 1970
  std::uint32_t target = no_target.bits;
  std::uint16_t listener = no_listener;
  PortIndex in_port = no_port;
  PortIndex out_port = no_port;  // when it was sent
  std::uint16_t worker = 0;
  std::uint16_t in_length = 0;   // of the frame
  std::uint16_t in_bytes = 0;    // that are here
  std::uint16_t out_length = 0;  // 0: nothing was sent
  std::uint16_t out_bytes = 0;
  Verdict verdict = Verdict::none;
  FlowLookup lookup = FlowLookup::none;
  std::uint8_t unused[6]{};

  [[nodiscard]] static constexpr std::size_t size_of(std::size_t frame_bytes) {
    return (sizeof(CaptureRecord) + frame_bytes + alignment - 1) / alignment * alignment;
  }
};
static_assert(sizeof(CaptureRecord) == 48);

/// One packet out of a piece; the spans are into the piece.
struct CapturedPacket {
  CaptureRecord record;
  std::span<const std::uint8_t> in;
  std::span<const std::uint8_t> out;
};

/// Takes the records out of a piece. Never reads outside of it: one that makes no sense is the end.
class CaptureReader {
 public:
  explicit CaptureReader(std::string_view records)
      : rest_(reinterpret_cast<const std::uint8_t*>(records.data()), records.size()) {}

  [[nodiscard]] std::optional<CapturedPacket> next() {
    CapturedPacket out;
    if (rest_.size() < sizeof out.record) return std::nullopt;
    std::memcpy(&out.record, rest_.data(), sizeof out.record);
    const CaptureRecord& record = out.record;
    if (record.size_bytes > rest_.size() ||
        record.size_bytes < CaptureRecord::size_of(std::size_t{record.in_bytes} + record.out_bytes))
      return std::nullopt;
    out.in = rest_.subspan(sizeof record, record.in_bytes);
    out.out = rest_.subspan(sizeof record + record.in_bytes, record.out_bytes);
    rest_ = rest_.subspan(record.size_bytes);
    return out;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace sluice
