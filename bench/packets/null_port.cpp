#include "bench/packets/null_port.h"

#include <algorithm>
#include <rte_ethdev.h>
#include <string>
#include <utility>

#include "bench/packets/buffers.h"

namespace sluice::bench {
namespace {

std::uint16_t receive_callback(std::uint16_t /*port*/, std::uint16_t /*queue*/, rte_mbuf** mbufs,
                               std::uint16_t count, std::uint16_t /*count_max*/, void* user) {
  static_cast<NullPort*>(user)->on_receive(
      {reinterpret_cast<dataplane::Buffer**>(mbufs), std::size_t{count}});
  return count;
}

std::uint32_t narrow(std::uint64_t ticks) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(ticks, UINT32_MAX));
}

}  // namespace

std::expected<std::unique_ptr<NullPort>, Error> NullPort::open(const dataplane::BufferPool& pool,
                                                               const Watch& watch) {
  std::unique_ptr<NullPort> out(new NullPort(watch));
  const PortConfig config = make_config({}).ports.front();
  auto port = dataplane::Port::open({.config = config, .index = 0, .workers = 1}, pool);
  if (!port) return std::unexpected(std::move(port.error()));
  out->ports_.push_back({std::move(*port), std::nullopt});
  auto hand_over = dataplane::HandOver::create(0);
  if (!hand_over) return std::unexpected(std::move(hand_over.error()));
  out->hand_overs_.push_back(std::move(*hand_over));
  std::uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(config.device.c_str(), &id) != 0 ||
      rte_eth_add_rx_callback(id, 0, receive_callback, out.get()) == nullptr)
    return std::unexpected(Error{"no callback when packets are received", config.device,
                                 "this DPDK was built without RTE_ETHDEV_RXTX_CALLBACKS"});
  return out;
}

NullPort::~NullPort() = default;

NullPort::Figures NullPort::run(Scene& scene, std::chrono::milliseconds time) {
  dataplane::SnapshotCell cell(1);
  cell.reader(0).retire();  // until the worker runs: nobody is waited for
  cell.publish(std::make_unique<const Snapshot>(scene.snapshot()));
  dataplane::Worker worker({.number = 0,
                            .ports = ports_,
                            .hand_overs = hand_overs_,
                            .cell = cell,
                            .pipeline = scene.pipeline(),
                            .counters = scene.counters()});
  scene_ = &scene;
  stop_ = false;
  forwarding_.clear();
  all_.clear();
  begin_ = end_ = ticks();
  slice_ = Slice(time);
  worker.run(stop_);
  scene_ = nullptr;
  return {.forwarding = summarise(forwarding_, burst_max), .all = summarise(all_, burst_max)};
}

void NullPort::on_receive(std::span<dataplane::Buffer*> burst) {
  const std::uint64_t begin = ticks();
  if (slice_.is_warm() && burst.size() == burst_max) {
    const std::uint64_t taken = begin - end_;
    forwarding_.push_back(narrow(taken > watch_.cost() ? taken - watch_.cost() : 0));
    all_.push_back(narrow(begin - begin_));
  }
  if (slice_.is_over()) stop_.store(true, std::memory_order_relaxed);
  for (dataplane::Buffer* buffer : burst)
    scene_->write_frame(begin_frame(*buffer, scene_->frame_bytes()));
  begin_ = begin;
  end_ = ticks();
}

}  // namespace sluice::bench
