#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

#include "core/result.h"

namespace sluice::dataplane {

/// A zeroed file mapped into memory that other processes may map read-only. Made anew under a
/// temporary name and moved into place, so that a reader of the old file keeps what it has and
/// nobody sees a half-made one.
class SharedFile {
 public:
  [[nodiscard]] static std::expected<SharedFile, Error> create(const std::string& path,
                                                               std::size_t size_bytes);
  SharedFile(SharedFile&& other) noexcept;
  SharedFile& operator=(SharedFile&&) = delete;
  ~SharedFile();

  [[nodiscard]] std::span<std::uint8_t> memory() const { return memory_; }
  /// Moves the file to its path: readers find it from now on.
  [[nodiscard]] std::expected<void, Error> show();

 private:
  SharedFile(std::string path, std::span<std::uint8_t> memory)
      : path_(std::move(path)), memory_(memory) {}
  [[nodiscard]] std::string temporary_path() const { return path_ + ".new"; }
  std::string path_;
  std::span<std::uint8_t> memory_;
};

}  // namespace sluice::dataplane
