#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/net/checksum.h"
#include "tools/pktgen/flow_mix.h"
#include "tools/pktgen/flow_space.h"
#include "tools/pktgen/frame_template.h"
#include "tools/pktgen/permutation.h"
#include "tools/pktgen/traffic.h"

namespace sluice::pktgen {

/// Makes the frames of one sender, one after the other: what each is follows from its number. No
/// memory for flows, no allocation, no division unless there are several targets.
class Generator {
 public:
  /// `traffic`: validated.
  explicit Generator(const Traffic& traffic);

  /// Writes the next frames, signed with this time, and their lengths without check sequence; both
  /// spans are of one size. Each buffer has room for the longest frame, and at least
  /// `FrameTemplate::head_bytes`; behind those it must be all zero and stays so: the payload is
  /// never written.
  void build(std::span<std::uint8_t* const> frames, std::span<std::uint16_t> lengths_bytes,
             std::uint64_t time_ns);

  /// The number of the next frame.
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  /// Goes to a number, for example back over frames that could not be sent.
  void seek(std::uint64_t sequence);

 private:
  // What is written for a target, and its share of the sums.
  struct Target {
    std::array<std::uint8_t, 16> address{};  // as Address has it
    Be16 port;
    std::uint16_t address_sum = 0;
    std::uint16_t sum = 0;  // address and port
  };
  struct Choice {
    std::uint64_t flow = 0;
    Segment segment = Segment::established;
  };
  template <Family family, Protocol protocol>
  void build_as(std::span<std::uint8_t* const> frames, std::span<std::uint16_t> lengths_bytes,
                std::uint64_t time_ns);
  // Gives the sum of both addresses and the target's port.
  template <Family family>
  [[nodiscard]] ChecksumSum write_addresses(std::uint8_t* network, const FlowEnds& ends,
                                            std::uint16_t network_sum) const;
  [[nodiscard]] Choice choose();

  FlowSpace space_;
  bool is_ipv4_;
  bool is_udp_;
  bool opens_;
  std::uint32_t new_flows_ppm_;
  FlowMix mix_;
  Permutation standing_order_;
  Permutation new_order_;
  std::vector<std::uint8_t> sizes_;  // one round
  std::vector<Target> targets_;
  // By segment and size.
  std::array<std::array<FrameTemplate, sizes_max>, 2> templates_;
  std::uint16_t network_offset_;
  Address source_base_;  // the first of its block

  std::uint64_t sequence_ = 0;
  // What follows from the sequence number.
  std::uint32_t new_credit_ppm_ = 0;
  std::uint64_t new_number_ = 0;
  std::uint64_t standing_number_ = 0;
  bool is_first_round_ = true;
  std::size_t size_turn_ = 0;
};

}  // namespace sluice::pktgen
