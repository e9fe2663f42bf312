#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice {

/// Walks over bytes and never past their end.
class Cursor {
 public:
  explicit Cursor(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  /// The next header, or null when it does not fit. T: a wire struct of alignment 1.
  template <typename T>
  [[nodiscard]] const T* take() {
    static_assert(alignof(T) == 1);
    const T* header = peek<T>();
    if (header != nullptr) skip(sizeof(T));
    return header;
  }
  template <typename T>
  [[nodiscard]] const T* peek() const {
    static_assert(alignof(T) == 1);
    return rest_.size() < sizeof(T) ? nullptr : reinterpret_cast<const T*>(rest_.data());
  }
  /// False, and nothing moved, when fewer bytes are left.
  [[nodiscard]] bool try_skip(std::size_t count) {
    if (count > rest_.size()) return false;
    skip(count);
    return true;
  }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }
  [[nodiscard]] const std::uint8_t* here() const { return rest_.data(); }

 private:
  void skip(std::size_t count) { rest_ = rest_.subspan(count); }
  std::span<const std::uint8_t> rest_;
};

}  // namespace sluice
