#pragma once

#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

#include "core/contract/shared_memory.h"
#include "core/flow/connection_table.h"

namespace sluice::control::test {

inline Address ip(std::string_view text) { return *Address::parse(text); }

// A file that grows to its size with zeros, mapped for writing.
class WrittenFile {
 public:
  WrittenFile(const std::string& path, std::size_t bytes) : bytes_(bytes) {
    const std::string temporary = path + ".new";
    const int file = open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    EXPECT_EQ(ftruncate(file, static_cast<off_t>(bytes)), 0);
    memory_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    std::filesystem::rename(temporary, path);
  }
  WrittenFile(const WrittenFile&) = delete;
  WrittenFile& operator=(const WrittenFile&) = delete;
  ~WrittenFile() { munmap(memory_, bytes_); }
  template <typename T>
  [[nodiscard]] T* at(std::size_t offset) const {
    return reinterpret_cast<T*>(static_cast<std::uint8_t*>(memory_) + offset);
  }

 private:
  std::size_t bytes_;
  void* memory_ = nullptr;
};

// What a data plane of one worker shows. It numbers backends from 7 on, unlike the control plane.
class FakeDataplane {
 public:
  static constexpr std::uint32_t pid = 4242;
  static constexpr std::uint16_t listener = 3;
  static constexpr std::size_t buckets = 64;
  using Table = ConnectionTable<FlowEntry4>;

  explicit FakeDataplane(const std::string& run_dir)
      : counters_(run_dir + "/counters", worker_counters_offset(1)),
        flows_(run_dir + "/flows.0", flows_offset + buckets * sizeof(Table::Bucket)) {
    auto& header = *flows_.at<FlowsSegment>(0);
    header.version = shared_memory_version;
    header.pid = pid;
    header.seed = 99;
    header.now = 1'000;
    header.flows4_offset = flows_offset;
    header.flows4_buckets = buckets;
    header.magic = shared_memory_magic;
    auto& segment = directory();
    segment.version = shared_memory_version;
    segment.pid = pid;
    segment.workers = 1;
    segment.directory_sequence = 2;
    ListenerRecord& record = segment.listeners[listener];
    record = {ip("203.0.113.10"), 80, Protocol::tcp, 1, {}, 80, 32};
    record.service.assign("web");
    add_backend(7, "web1", "10.0.1.11");
    add_backend(8, "web2", "10.0.1.12");
    segment.magic = shared_memory_magic;
  }
  [[nodiscard]] CountersSegment& directory() { return *counters_.at<CountersSegment>(0); }
  [[nodiscard]] WorkerCounters& worker() {
    return *counters_.at<WorkerCounters>(worker_counters_offset(0));
  }
  void add_flow(std::uint16_t client_port, std::uint32_t backend, FlowTick last_seen = 990) {
    Table table({flows_.at<Table::Bucket>(flows_offset), buckets}, 99);
    const auto key = FlowEntry4::key_of({ip("192.0.2.1"), Port(client_port).be(), listener});
    FlowEntry4* entry =
        table.insert(table.hash(key), [](const FlowEntry4&) { return false; }, [](FlowEntry4&) {});
    ASSERT_NE(entry, nullptr);
    entry->set_key(key);
    entry->flow = {Target::of(BackendId{backend}, 0).bits, last_seen, FlowState::established, 0};
  }

 private:
  static constexpr std::size_t flows_offset = (sizeof(FlowsSegment) + 63) / 64 * 64;
  void add_backend(std::uint32_t id, std::string_view name, std::string_view address) {
    BackendRecord& record = directory().backends[id];
    record.address = ip(address);
    record.target = Target::of(BackendId{id}, 0).bits;
    record.in_use = 1;
    record.service.assign("web");
    record.name.assign(name);
  }
  WrittenFile counters_;
  WrittenFile flows_;
};

}  // namespace sluice::control::test
