#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <sys/mman.h>

namespace sluice::bench {

/// Zeroed memory in huge pages where the kernel has them, as the data plane's tables are.
class HugeMemory {
 public:
  explicit HugeMemory(std::size_t size_bytes) : size_bytes_(size_bytes) {
    void* base =
        mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::uint8_t*>(base);
    // Where it is refused the figures are those of small pages.
    (void)madvise(base_, size_bytes_, MADV_HUGEPAGE);
  }
  HugeMemory(const HugeMemory&) = delete;
  HugeMemory& operator=(const HugeMemory&) = delete;
  ~HugeMemory() { munmap(base_, size_bytes_); }

  [[nodiscard]] std::span<std::uint8_t> bytes() const { return {base_, size_bytes_}; }
  template <typename T>
  [[nodiscard]] std::span<T> as() const {
    return {reinterpret_cast<T*>(base_), size_bytes_ / sizeof(T)};
  }

 private:
  std::uint8_t* base_ = nullptr;
  std::size_t size_bytes_;
};

}  // namespace sluice::bench
