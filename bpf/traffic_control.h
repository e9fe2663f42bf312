#pragma once

#include <cstdint>
#include <expected>

#include "core/result.h"

namespace sluice::bpf {

/// The ingress of one device as tc sees it: the clsact qdisc and our one filter in it, at a fixed
/// priority and handle, so that there is never a second one. Functions give 0 or a negative errno.
class TrafficControl {
 public:
  explicit TrafficControl(int device_index) : device_index_(device_index) {}

  /// -EEXIST when the qdisc is there already.
  [[nodiscard]] int make_qdisc() const;
  int remove_qdisc() const;
  /// Whether no filter is left in either direction; false when that cannot be found out.
  [[nodiscard]] bool is_qdisc_empty() const;

  /// The id of the program at our place, or 0.
  [[nodiscard]] std::expected<std::uint32_t, int> program() const;
  /// Puts the program at our place; what is there is exchanged in one step.
  [[nodiscard]] int put(int program_descriptor) const;
  [[nodiscard]] int remove() const;

 private:
  int device_index_;
};

}  // namespace sluice::bpf
