#include "dataplane/capture/ring.h"

#include <bit>
#include <cassert>
#include <cstring>

#include "core/capture/record.h"

namespace sluice::dataplane {

CaptureRing::CaptureRing(std::size_t bytes)
    : size_(bytes), memory_(std::make_unique_for_overwrite<std::uint8_t[]>(bytes)) {
  assert(std::has_single_bit(bytes));
}

std::uint8_t* CaptureRing::reserve(std::size_t bytes) {
  assert(bytes % CaptureRecord::alignment == 0 && bytes <= size_ / 2);
  const std::size_t to_end = size_ - (reserved_ & (size_ - 1));
  const std::size_t filler = to_end < bytes ? to_end : 0;
  // Pairs with the store in `take`: what was taken has been copied.
  const std::uint64_t taken = taken_.load(std::memory_order_acquire);
  if (reserved_ + filler + bytes - taken > size_) {
    dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return nullptr;
  }
  if (filler > 0) {
    // Only its first two numbers: there may be room for no more.
    const std::uint32_t mark[2] = {static_cast<std::uint32_t>(filler), 1};
    static_assert(sizeof mark <= CaptureRecord::alignment);
    std::memcpy(at(reserved_), mark, sizeof mark);
    reserved_ += filler;
  }
  std::uint8_t* const out = at(reserved_);
  reserved_ += bytes;
  return out;
}

void CaptureRing::commit() {
  // Pairs with the load in `take`: who sees the position sees the records before it.
  committed_.store(reserved_, std::memory_order_release);
}

std::size_t CaptureRing::take(std::string& out, std::size_t records_max, std::size_t bytes_max) {
  const std::uint64_t end = committed_.load(std::memory_order_acquire);  // pairs with `commit`
  std::uint64_t position = taken_.load(std::memory_order_relaxed);
  const std::size_t begin_bytes = out.size();
  std::size_t count = 0;
  while (position != end && count < records_max && out.size() - begin_bytes < bytes_max) {
    std::uint32_t mark[2];
    std::memcpy(mark, at(position), sizeof mark);
    if (mark[1] == 0) {
      out.append(reinterpret_cast<const char*>(at(position)), mark[0]);
      ++count;
    }
    position += mark[0];
  }
  taken_.store(position, std::memory_order_release);  // pairs with the load in `reserve`
  return count;
}

}  // namespace sluice::dataplane
