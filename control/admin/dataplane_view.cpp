#include "control/admin/dataplane_view.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace sluice::control {
namespace {

// Writing the directory takes the data plane a millisecond or two.
constexpr int directory_tries_max = 1'000;

FileMapping::Identity identity_of(const struct stat& status) {
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size)};
}

std::unexpected<Error> failure(const std::string& what, const std::string& path,
                               const std::string& remedy) {
  return std::unexpected(Error{what, path, remedy});
}

// Pairs with the release in dataplane/directory.cpp.
std::uint64_t load_sequence(const CountersSegment& segment) {
  // atomic_ref takes no const object before C++26; this only loads.
  std::atomic_ref sequence(const_cast<std::uint64_t&>(segment.directory_sequence));
  return sequence.load(std::memory_order_acquire);
}

Directory copy_directory(const CountersSegment& segment) {
  Directory out;
  for (std::size_t i = 0; i < listeners_max; ++i) {
    const ListenerRecord& record = segment.listeners[i];
    if (record.in_use != 0) out.listeners[record.listening()] = static_cast<std::uint16_t>(i);
  }
  for (std::size_t i = 0; i < backends_max; ++i) {
    const BackendRecord& record = segment.backends[i];
    if (record.in_use == 0) continue;
    const Target target{record.target};
    BackendName name{std::string(record.service.view()), std::string(record.name.view())};
    out.names[target.bits] = name;
    out.backends[std::move(name)] = {static_cast<std::uint32_t>(i), target, record.address};
  }
  return out;
}

}  // namespace

std::optional<FileMapping::Identity> FileMapping::look(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return identity_of(status);
}

std::expected<FileMapping, Error> FileMapping::open(const std::string& path) {
  // Not to wait where somebody put a FIFO.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    const bool is_missing = errno == ENOENT;
    return failure(std::string("cannot read what the data plane shows: ") + std::strerror(errno),
                   path,
                   is_missing ? "start sluice-dataplane with the same --run-dir as sluiced"
                              : "let sluiced's group read it");
  }
  struct stat status{};
  const bool is_usable = fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
  const auto size = is_usable ? static_cast<std::size_t>(status.st_size) : 0;
  void* memory = is_usable ? mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
  close(file);
  if (memory == MAP_FAILED)
    return failure("cannot map what the data plane shows", path,
                   "restart sluice-dataplane, which makes it anew");
  return FileMapping({static_cast<const std::uint8_t*>(memory), size}, identity_of(status));
}

FileMapping::FileMapping(FileMapping&& other) noexcept
    : memory_(std::exchange(other.memory_, {})), identity_(other.identity_) {}

FileMapping& FileMapping::operator=(FileMapping&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(identity_, other.identity_);
  return *this;
}

FileMapping::~FileMapping() {
  if (!memory_.empty()) munmap(const_cast<std::uint8_t*>(memory_.data()), memory_.size());
}

const BackendName* Directory::name_of(Target target) const {
  const auto it = names.find(target.bits);
  return it == names.end() ? nullptr : &it->second;
}

const Directory::BackendNumber* Directory::find(const BackendName& name) const {
  const auto it = backends.find(name);
  return it == backends.end() ? nullptr : &it->second;
}

void DataplaneView::forget(std::optional<Error> why) {
  flows_.clear();
  flows_files_.clear();
  counters_.reset();
  counters_file_.reset();
  directory_ = {};
  directory_sequence_ = 0;
  problem_ = std::move(why);
}

void DataplaneView::refresh() {
  const std::string path = run_dir_ + "/counters";
  const auto there = FileMapping::look(path);
  const bool is_same = counters_file_ && there == counters_file_->identity();
  if (!is_same) {
    forget(std::nullopt);
    auto file = FileMapping::open(path);
    if (!file) return forget(file.error());
    counters_ = CountersView::open(file->memory());
    if (!counters_)
      return forget(Error{"the data plane's counters are of another version, or not finished", path,
                          "run sluice-dataplane and sluiced of one version"});
    counters_file_ = std::move(*file);
  }
  if (flows_.size() < counters_->workers()) open_flows();
  read_directory();
}

void DataplaneView::open_flows() {
  flows_.clear();
  flows_files_.clear();
  for (std::uint32_t i = 0; i < counters_->workers(); ++i) {
    auto file = FileMapping::open(run_dir_ + "/flows." + std::to_string(i));
    if (!file || file->memory().size() < sizeof(FlowsSegment)) continue;
    const auto header = load_unaligned<FlowsSegment>(file->memory().data());
    // Of an earlier process when the pid is another: its numbers mean nothing now.
    if (header.pid != counters_->pid()) continue;
    const auto view = FlowsView::open(file->memory());
    if (!view) continue;
    flows_.push_back(*view);
    flows_files_.push_back(std::move(*file));
  }
}

// Under the seqlock. When its writer never gets done (it died half-way), what was read before
// stays.
void DataplaneView::read_directory() {
  const CountersSegment& segment = counters_->directory();
  for (int tries = 0; tries < directory_tries_max; ++tries, std::this_thread::yield()) {
    const std::uint64_t before = load_sequence(segment);
    if (before % 2 != 0) continue;
    if (before == directory_sequence_) return;
    Directory copy = copy_directory(segment);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (load_sequence(segment) != before) continue;
    directory_ = std::move(copy);
    directory_sequence_ = before;
    return;
  }
}

TrafficCounter DataplaneView::listener(const Listener& listener) const {
  const auto it = directory_.listeners.find(listener.listening());
  if (!counters_ || it == directory_.listeners.end()) return {};
  return counters_->listener(it->second);
}

BackendCounter DataplaneView::backend(const BackendName& name) const {
  const Directory::BackendNumber* number = directory_.find(name);
  return counters_ && number != nullptr ? counters_->backend(number->id) : BackendCounter{};
}

}  // namespace sluice::control
