#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sluice {

/// One instruction of classic BPF (McCanne and Jacobson, "The BSD Packet Filter", 1993) with the
/// numbers that Linux, libpcap and `tcpdump -ddd` use.
struct FilterInstruction {
  std::uint16_t code = 0;
  std::uint8_t jump_true = 0;  // instructions to leave out when the test holds
  std::uint8_t jump_false = 0;
  std::uint32_t operand = 0;

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("code", self.code);
    visit("jump_true", self.jump_true);
    visit("jump_false", self.jump_false);
    visit("operand", self.operand);
  }
  friend bool operator==(const FilterInstruction&, const FilterInstruction&) = default;
};

/// A checked packet filter. Jumps go forward only, so that it ends after at most as many steps as
/// it has instructions; loads outside of the frame end it without a match.
class PacketFilter {
 public:
  static constexpr std::size_t instructions_max = 4'096;

  /// Takes every frame.
  PacketFilter() = default;
  /// An empty program takes every frame. An error: which instruction cannot be, and why.
  [[nodiscard]] static std::expected<PacketFilter, Error> make(
      std::vector<FilterInstruction> program);

  [[nodiscard]] bool matches(std::span<const std::uint8_t> frame) const;

 private:
  explicit PacketFilter(std::vector<FilterInstruction> program) : program_(std::move(program)) {}
  std::vector<FilterInstruction> program_;
};

}  // namespace sluice
