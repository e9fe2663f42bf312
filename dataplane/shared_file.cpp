#include "dataplane/shared_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace sluice::dataplane {
namespace {

std::unexpected<Error> failure(const std::string& what, const std::string& path) {
  return std::unexpected(
      Error{what + ": " + std::strerror(errno), path,
            "the run directory must be writable and have room: see --run-dir and flows_max"});
}

}  // namespace

std::expected<SharedFile, Error> SharedFile::create(const std::string& path,
                                                    std::size_t size_bytes) {
  SharedFile out(path, {});
  const std::string temporary = out.temporary_path();
  const int file = open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (file < 0) return failure("cannot make a shared file", temporary);
  // Reserved now: on a file system that fills up later, the first touch of a hole would be a
  // SIGBUS.
  if (const int error = posix_fallocate(file, 0, static_cast<off_t>(size_bytes)); error != 0) {
    close(file);
    unlink(temporary.c_str());
    errno = error;
    return failure("cannot reserve " + std::to_string(size_bytes >> 20) + " MiB for a shared file",
                   temporary);
  }
  void* memory = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) return failure("cannot map a shared file", temporary);
  // Random access over much memory: fewer, larger pages. Only advice; not every file system can.
  (void)madvise(memory, size_bytes, MADV_HUGEPAGE);
  out.memory_ = {static_cast<std::uint8_t*>(memory), size_bytes};
  return out;
}

SharedFile::SharedFile(SharedFile&& other) noexcept
    : path_(std::move(other.path_)), memory_(std::exchange(other.memory_, {})) {}

SharedFile::~SharedFile() {
  if (!memory_.empty()) munmap(memory_.data(), memory_.size());
}

std::expected<void, Error> SharedFile::show() {
  if (rename(temporary_path().c_str(), path_.c_str()) != 0)
    return failure("cannot move a shared file into place", path_);
  return {};
}

}  // namespace sluice::dataplane
