#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <sys/mman.h>
#include <unistd.h>

namespace sluice::test {

/// Memory that ends at a page nobody may touch: a read one byte past the end is a crash, not luck.
class GuardedBytes {
 public:
  explicit GuardedBytes(std::size_t capacity_bytes)
      : page_bytes_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
        usable_bytes_((capacity_bytes + page_bytes_ - 1) / page_bytes_ * page_bytes_) {
    void* memory = mmap(nullptr, usable_bytes_ + page_bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    base_ = static_cast<std::uint8_t*>(memory);
    if (mprotect(base_ + usable_bytes_, page_bytes_, PROT_NONE) != 0) std::abort();
  }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;
  ~GuardedBytes() { munmap(base_, usable_bytes_ + page_bytes_); }

  /// The last `count` bytes before the guard.
  [[nodiscard]] std::span<std::uint8_t> last(std::size_t count) {
    return {base_ + usable_bytes_ - count, count};
  }
  /// A copy of `bytes` that ends at the guard.
  std::span<std::uint8_t> place(std::span<const std::uint8_t> bytes) {
    const auto at = last(bytes.size());
    std::ranges::copy(bytes, at.begin());
    return at;
  }

 private:
  std::size_t page_bytes_;
  std::size_t usable_bytes_;
  std::uint8_t* base_ = nullptr;
};

}  // namespace sluice::test
