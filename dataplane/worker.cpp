#include "dataplane/worker.h"

#include <algorithm>
#include <sys/prctl.h>
#include <thread>
#include <utility>

#include "dataplane/backoff.h"
#include "dataplane/dpdk/clock.h"

namespace sluice::dataplane {
namespace {

// A worker looks at the kernel's TAPs once in so many rounds: they carry ARP and routing, not
// traffic.
constexpr std::uint32_t tap_rounds = 64;

constexpr unsigned long timer_slack_ns = 1'000;

}  // namespace

Worker::Worker(const Parts& parts)
    : parts_(parts), outboxes_(parts.ports.size()), kernel_outboxes_(parts.ports.size()) {}

void Worker::run(const std::atomic<bool>& stop) {
  SnapshotCell::Reader& reader = parts_.cell.reader(parts_.number);
  Backoff backoff(parts_.idle);
  // The kernel would make every pause longer by fifty microseconds. Only advice.
  if (parts_.idle == Idle::sleep) (void)prctl(PR_SET_TIMERSLACK, timer_slack_ns);
  std::uint32_t round = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    const Snapshot* snapshot = reader.borrow(parts_.cell);
    ++parts_.counters.polls;
    const bool anything_came = poll_ports(snapshot);
    if (snapshot != nullptr && parts_.pipeline.holds_fragments()) retry_held(*snapshot);
    const auto pause = backoff.after(anything_came);
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
    if (++round % tap_rounds != 0 && pause.count() == 0) continue;
    if (snapshot != nullptr) parts_.pipeline.age(*snapshot, {clock_ns()});
    if (parts_.number == 0) copy_from_taps();
  }
  for (const Held& held : held_)
    if (held.buffer != nullptr) release({&held.buffer, 1});
  reader.retire();
}

bool Worker::poll_ports(const Snapshot* snapshot) {
  bool anything_came = false;
  const auto workers = static_cast<std::uint16_t>(parts_.hand_overs.size());
  for (PortPair& pair : parts_.ports) {
    for (std::uint16_t queue = parts_.number; queue < pair.port.queues();
         queue = static_cast<std::uint16_t>(queue + workers)) {
      const std::uint16_t count = pair.port.receive(queue, buffers_, packets_);
      if (count == 0) continue;
      anything_came = true;
      if (snapshot != nullptr)
        process(*snapshot, count);
      else
        release(std::span(buffers_).first(count));
    }
  }
  if (workers == 1 || snapshot == nullptr) return anything_came;
  const std::uint16_t count = parts_.hand_overs[parts_.number].take(buffers_, packets_);
  if (count > 0) process(*snapshot, count);
  return anything_came || count > 0;
}

void Worker::process(const Snapshot& snapshot, std::uint16_t count) {
  const std::span<Packet> burst = std::span(packets_).first(count);
  const std::uint64_t begin_ns = clock_ns();
  CaptureTap* const tap = tap_.load(std::memory_order_acquire);  // pairs with set_tap
  if (tap != nullptr) [[unlikely]]
    tap->came(burst, begin_ns);
  parts_.pipeline.process(snapshot, burst, {begin_ns});
  if (tap != nullptr) [[unlikely]]
    tap->leave(burst);
  for (std::uint16_t i = 0; i < count; ++i) dispatch(i);
  for (std::size_t i = 0; i < outboxes_.size(); ++i) {
    if (outboxes_[i].count > 0) flush(outboxes_[i], parts_.ports[i].port);
    if (kernel_outboxes_[i].count > 0) flush(kernel_outboxes_[i], *parts_.ports[i].kernel_tap);
  }
  if (tap != nullptr) [[unlikely]]
    tap->decided(burst);
  parts_.pipeline.count_verdicts(burst);
  parts_.counters.busy_ns += clock_ns() - begin_ns;
}

// Fragments that came before their first one, once it has come or they have waited long enough.
void Worker::retry_held(const Snapshot& snapshot) {
  std::span<const std::uint16_t> ripe = parts_.pipeline.ripe_fragments({clock_ns()});
  while (!ripe.empty()) {
    const auto count = static_cast<std::uint16_t>(std::min(ripe.size(), burst_packets_max));
    for (std::uint16_t i = 0; i < count; ++i) {
      const Held held = std::exchange(held_[ripe[i]], {});
      buffers_[i] = held.buffer;
      packets_[i] = packet_in(*held.buffer, held.in_port);
      packets_[i].has_waited = true;
    }
    process(snapshot, count);
    ripe = ripe.subspan(count);
  }
}

void Worker::dispatch(std::uint16_t index) {
  Packet& packet = packets_[index];
  Buffer* buffer = buffers_[index];
  switch (exit_of(packet.verdict)) {
    case Exit::transmit: {
      if (packet.out_port >= outboxes_.size()) {
        packet.verdict = Verdict::drop_no_path;
        break;
      }
      set_frame(*buffer, packet);
      Outbox& outbox = outboxes_[packet.out_port];
      outbox.packets[outbox.count] = index;
      outbox.buffers[outbox.count++] = buffer;
      return;
    }
    case Exit::kernel:
      pass_to_kernel(index);
      return;
    case Exit::worker:
      if (parts_.hand_overs[packet.to_worker].put(*buffer, packet.in_port)) return;
      packet.verdict = Verdict::drop_hand_over_full;
      break;
    case Exit::hold:
      held_[packet.hold_slot] = {buffer, packet.in_port};
      return;
    case Exit::drop:
      break;
  }
  release({&buffer, 1});
}

// Ports that the kernel shares have given it its copy already, or keep such packets from us.
void Worker::pass_to_kernel(std::uint16_t index) {
  const Packet& packet = packets_[index];
  if (packet.in_port >= parts_.ports.size() || !parts_.ports[packet.in_port].kernel_tap) {
    release({&buffers_[index], 1});
    return;
  }
  Outbox& outbox = kernel_outboxes_[packet.in_port];
  outbox.packets[outbox.count] = index;
  outbox.buffers[outbox.count++] = buffers_[index];
}

void Worker::flush(Outbox& outbox, Port& port) {
  const std::span<Buffer* const> all(outbox.buffers.data(), outbox.count);
  const std::uint16_t sent = port.transmit(parts_.number, all);
  for (std::size_t i = sent; i < outbox.count; ++i)
    packets_[outbox.packets[i]].verdict = Verdict::drop_tx_full;
  release(all.subspan(sent));
  outbox.count = 0;
}

// What the kernel sends by its view of a port goes out as it is.
void Worker::copy_from_taps() {
  for (PortPair& pair : parts_.ports) {
    if (!pair.kernel_tap) continue;
    const std::uint16_t count = pair.kernel_tap->receive(0, buffers_, packets_);
    const std::uint16_t sent =
        count == 0 ? count : pair.port.transmit(parts_.number, std::span(buffers_).first(count));
    release(std::span(buffers_).first(count).subspan(sent));
  }
}

}  // namespace sluice::dataplane
