#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <sys/mman.h>
#include <type_traits>
#include <utility>

namespace sluice::dataplane {

/// An array of zeros whose pages cost nothing until they are touched. Throws std::bad_alloc, at
/// start, when there is not even room for the addresses.
template <typename Entry>
class ZeroPages {
 public:
  static_assert(std::is_trivially_copyable_v<Entry>);

  explicit ZeroPages(std::size_t count) {
    if (count == 0) return;
    void* memory = mmap(nullptr, count * sizeof(Entry), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    entries_ = {static_cast<Entry*>(memory), count};
  }
  ZeroPages(ZeroPages&& other) noexcept : entries_(std::exchange(other.entries_, {})) {}
  ZeroPages& operator=(ZeroPages&&) = delete;
  ~ZeroPages() {
    if (!entries_.empty()) munmap(entries_.data(), entries_.size_bytes());
  }

  [[nodiscard]] Entry& operator[](std::size_t index) const { return entries_[index]; }

 private:
  std::span<Entry> entries_;
};

}  // namespace sluice::dataplane
