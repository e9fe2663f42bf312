#include "control/config/file.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::control {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{64} << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::string remedy_for(int code) {
  switch (code) {
    case ENOENT:
      return "check the path; the directory must exist too";
    case EACCES:
    case EPERM:
      return "give the user that sluiced runs as the permission for it, and for its directory";
    case ENOSPC:
    case EDQUOT:
      return "make room on that file system; the old file is unchanged";
    case EROFS:
      return "that file system is read-only: mount it for writing, or use a path on another";
    case EISDIR:
      return "name a file, not a directory";
    case ENOTDIR:
      return "a part of the path is a file, not a directory";
    case EMFILE:
    case ENFILE:
      return "raise the limit on open files (LimitNOFILE=)";
    default:
      return "check that path and the disk that it is on";
  }
}

// Of the last system call, which failed.
std::unexpected<Error> failure(std::string_view doing, const std::string& path) {
  const int code = errno;
  return std::unexpected(
      Error{"cannot " + std::string(doing) + ": " + std::strerror(code), path, remedy_for(code)});
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// Who may read the file is the operator's choice and outlives its replacement.
bool keep_access(int fd, const std::string& path) {
  constexpr mode_t mode_of_new_file = 0640;
  struct stat old{};
  if (::stat(path.c_str(), &old) != 0) return ::fchmod(fd, mode_of_new_file) == 0;
  // Only root may give a file away. Without that right it stays ours, with the mode it had.
  if (::fchown(fd, old.st_uid, old.st_gid) != 0 && errno != EPERM) return false;
  return ::fchmod(fd, old.st_mode & 07777) == 0;
}

// Through a symbolic link to the file itself: the link stays one.
std::string resolved(const std::string& path) {
  std::error_code error;
  const auto target = std::filesystem::canonical(path, error);
  return error ? path : target.string();
}

std::string directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  return directory.empty() ? "." : directory;
}

}  // namespace

std::string FileError::text() const {
  std::string out = file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + what;
  return remedy.empty() ? out : out + ": " + remedy;
}

std::expected<std::string, Error> read_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return failure("open", path);
  std::string text;
  std::array<char, 65'536> chunk;
  while (true) {
    const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure("read", path);
    if (count == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(count));
    if (text.size() > file_bytes_max)
      return std::unexpected(
          Error{"the file is larger than 64 MiB", path, "check that it is the right one"});
  }
}

std::expected<void, Error> replace_file(const std::string& path, std::string_view text) {
  const std::string target = resolved(path);
  const std::string directory_path = directory_of(target);
  std::string temporary = target + ".XXXXXX";
  const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file.is_open()) return failure("create a file in " + directory_path, path);
  // On the disk before it has the name: a crash leaves the old file or the new one, never half of
  // one.
  if (!keep_access(file.get(), target) || !write_all(file.get(), text) ||
      ::fsync(file.get()) != 0 || ::rename(temporary.c_str(), target.c_str()) != 0) {
    auto error = failure("write", path);
    ::unlink(temporary.c_str());
    return error;
  }
  const Descriptor directory(::open(directory_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || ::fsync(directory.get()) != 0)
    return failure("make sure of the new name of", path);
  return {};
}

}  // namespace sluice::control
