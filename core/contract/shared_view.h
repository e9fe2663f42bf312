#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/contract/shared_memory.h"

// Reading the data plane's shared memory from another process: every offset is checked against the
// mapped size, every entry is copied before it is looked at, so a half-written or hostile file
// gives odd numbers at worst.

namespace sluice {

/// A flow as people want to see it.
struct FlowRecord {
  FiveTuple tuple;  // client to VIP
  FlowState state = FlowState::empty;
  std::uint16_t idle_seconds = 0;
  Target target;
  bool is_nat = false;
  Endpoint nat_source;  // ours towards the server, with is_nat
};

class CountersView {
 public:
  /// Nothing when magic, version or size do not fit.
  [[nodiscard]] static std::optional<CountersView> open(std::span<const std::uint8_t> memory);

  [[nodiscard]] std::uint32_t workers() const { return workers_; }
  [[nodiscard]] std::uint32_t pid() const { return segment_->pid; }
  [[nodiscard]] std::uint64_t boot_id() const { return segment_->boot_id; }
  [[nodiscard]] const WorkerCounters& worker(std::uint32_t index) const;
  [[nodiscard]] std::uint64_t verdict(Verdict verdict) const;  // summed over workers
  [[nodiscard]] TrafficCounter listener(std::uint16_t id) const;
  [[nodiscard]] BackendCounter backend(std::uint32_t id) const;
  [[nodiscard]] const CountersSegment& directory() const { return *segment_; }
  /// The number of the listener with this destination, or of the backend with these names; nothing
  /// when there is none.
  [[nodiscard]] std::optional<std::uint16_t> find_listener(const Address& vip, Port port,
                                                           Protocol protocol) const;
  [[nodiscard]] std::optional<std::uint32_t> find_backend(std::string_view service,
                                                          std::string_view backend) const;
  /// The directory record that a flow's target means, or null when its backend is gone.
  [[nodiscard]] const BackendRecord* owner(Target target) const;

 private:
  const CountersSegment* segment_ = nullptr;
  std::uint32_t workers_ = 0;  // as checked in `open`: the file may change under us
  std::span<const std::uint8_t> memory_;
};

class FlowsView {
 public:
  [[nodiscard]] static std::optional<FlowsView> open(std::span<const std::uint8_t> memory);

  /// The flow of this client and exact listener, if the table holds it.
  [[nodiscard]] std::optional<FlowRecord> find(const FiveTuple& tuple,
                                               std::uint16_t listener) const;
  /// The flow of this tuple to a listener of either kind, which the directory has as `id`.
  [[nodiscard]] std::optional<FlowRecord> find(const FiveTuple& tuple, const Listener& listener,
                                               std::uint16_t id) const {
    return listener.is_wide ? find_wide(flow_tuple(listener, tuple)) : find(tuple, id);
  }
  /// The flow of this tuple to a wide listener. To a service for any protocol: without ports, of
  /// Protocol::any.
  [[nodiscard]] std::optional<FlowRecord> find_wide(const FiveTuple& tuple) const;
  /// Visits flows until `visit` returns false. `names` gives the VIP of each listener.
  void for_each(const CountersView& names,
                const std::function<bool(const FlowRecord&)>& visit) const;

 private:
  template <typename Entry>
  [[nodiscard]] std::span<const typename ConnectionTable<Entry>::Bucket> table(
      std::uint64_t offset, std::uint64_t buckets) const;
  template <typename Entry>
  bool visit_table(std::uint64_t offset, std::uint64_t buckets, const CountersView& names,
                   const std::function<bool(const FlowRecord&)>& visit) const;
  template <typename Entry>
  [[nodiscard]] std::optional<FlowRecord> find_in(std::uint64_t offset, std::uint64_t buckets,
                                                  const typename Entry::Key& key,
                                                  const FiveTuple& tuple) const;
  [[nodiscard]] FlowRecord describe(const FlowValue& value, const FiveTuple& tuple) const;
  [[nodiscard]] std::optional<NatSession> session(std::uint32_t number) const;

  FlowsSegment header_;
  std::span<const std::uint8_t> memory_;
};

}  // namespace sluice
