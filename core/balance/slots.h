#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sluice {

/// One that may own slots.
struct SlotCandidate {
  std::string identity;      // the same on every node and run; what the choice is made by
  std::uint32_t weight = 1;  // 0: takes no slot
  std::uint32_t number = 0;  // what the slots hold
};

/// The choice of a service, made ahead for every hash: slot -> backend number. Every policy fills
/// one of these.
class SlotTable {
 public:
  SlotTable() = default;
  explicit SlotTable(std::vector<std::uint32_t> owners) : owners_(std::move(owners)) {}

  /// Spreads the upper 32 bits of the hash over the slots by multiplication instead of division
  /// (Lemire 2019). The lower bits stay independent of the slot; the flow table uses them.
  [[nodiscard]] std::uint32_t slot_of(std::uint64_t flow_hash) const {
    return static_cast<std::uint32_t>((flow_hash >> 32) * owners_.size() >> 32);
  }
  [[nodiscard]] std::uint32_t owner(std::uint32_t slot) const { return owners_[slot]; }
  [[nodiscard]] bool empty() const { return owners_.empty(); }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(owners_.size()); }
  [[nodiscard]] std::span<const std::uint32_t> owners() const { return owners_; }
  [[nodiscard]] const std::uint32_t* address_of(std::uint32_t slot) const { return &owners_[slot]; }

 private:
  std::vector<std::uint32_t> owners_;
};

}  // namespace sluice
