#include "dataplane/l4/flow_memory.h"

#include <atomic>

namespace sluice::dataplane {
namespace {

// Hands out consecutive pieces, each at a multiple of a cache line.
class Layout {
 public:
  explicit Layout(std::uint8_t* base) : base_(base) {}
  template <typename T>
  std::span<T> take(std::size_t count, std::uint64_t& offset) {
    offset = used_;
    used_ += (count * sizeof(T) + 63) / 64 * 64;
    // With no base only the size is wanted.
    return base_ == nullptr ? std::span<T>()
                            : std::span<T>(reinterpret_cast<T*>(base_ + offset), count);
  }
  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  std::uint8_t* base_;
  std::size_t used_ = 0;
};

FlowMemory divide(std::uint8_t* base, std::size_t flows_max, FlowsSegment& header,
                  std::size_t& size_bytes) {
  Layout layout(base);
  FlowMemory out;
  std::uint64_t ignored = 0;
  const auto own = layout.take<FlowsSegment>(1, ignored);
  out.header = own.empty() ? nullptr : own.data();
  header.flows4_buckets = ConnectionTable<FlowEntry4>::buckets_for(flows_max);
  header.flows6_buckets = ConnectionTable<FlowEntry6>::buckets_for(flows_max);
  header.wide_buckets = ConnectionTable<WideFlowEntry>::buckets_for(flows_max);
  header.returns4_buckets = ConnectionTable<NatReturn4>::buckets_for(flows_max);
  header.returns6_buckets = ConnectionTable<NatReturn6>::buckets_for(flows_max);
  header.sessions_count = flows_max;
  out.flows4 =
      layout.take<ConnectionTable<FlowEntry4>::Bucket>(header.flows4_buckets, header.flows4_offset);
  out.flows6 =
      layout.take<ConnectionTable<FlowEntry6>::Bucket>(header.flows6_buckets, header.flows6_offset);
  out.wide =
      layout.take<ConnectionTable<WideFlowEntry>::Bucket>(header.wide_buckets, header.wide_offset);
  out.returns4 = layout.take<ConnectionTable<NatReturn4>::Bucket>(header.returns4_buckets,
                                                                  header.returns4_offset);
  out.returns6 = layout.take<ConnectionTable<NatReturn6>::Bucket>(header.returns6_buckets,
                                                                  header.returns6_offset);
  out.sessions = layout.take<NatSession>(flows_max, header.sessions_offset);
  header.affinities_buckets = ConnectionTable<AffinityEntry>::buckets_for(flows_max / 8);
  out.affinities = layout.take<ConnectionTable<AffinityEntry>::Bucket>(header.affinities_buckets,
                                                                       header.affinities_offset);
  out.sources = layout.take<SourceTable::Bucket>(SourceTable::buckets_for(flows_max), ignored);
  size_bytes = layout.used();
  return out;
}

}  // namespace

std::size_t FlowMemory::size_bytes(std::size_t flows_max) {
  FlowsSegment header;
  std::size_t size = 0;
  (void)divide(nullptr, flows_max, header, size);
  return size;
}

FlowMemory FlowMemory::lay_out(std::span<std::uint8_t> memory, std::size_t flows_max,
                               std::uint32_t worker, std::uint64_t seed, std::uint32_t pid) {
  FlowsSegment header;
  std::size_t size = 0;
  FlowMemory out = divide(memory.data(), flows_max, header, size);
  header.version = shared_memory_version;
  header.worker = worker;
  header.seed = seed;
  header.pid = pid;
  header.size_bytes = size;
  *out.header = header;
  // A reader that sees the magic sees the rest: the file is new and zero until here.
  std::atomic_ref(out.header->magic).store(shared_memory_magic, std::memory_order_release);
  return out;
}

}  // namespace sluice::dataplane
