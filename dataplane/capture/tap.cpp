#include "dataplane/capture/tap.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

namespace sluice::dataplane {
namespace {

// What the pipeline puts in front of a frame is never more than the buffer's room there.
std::size_t sent_bytes_max(const Packet& packet, const CaptureRecord& record,
                           std::uint32_t snaplen) {
  return std::min<std::size_t>(snaplen, std::size_t{record.in_length} + packet.headroom_bytes);
}

}  // namespace

CaptureTap::CaptureTap(const Options& options)
    : options_(options), ring_(options.ring_bytes), left_(options.packets) {}

void CaptureTap::came(std::span<Packet> burst, std::uint64_t now_ns) {
  assert(burst.size() <= records_.size());
  for (std::size_t i = 0; i < burst.size(); ++i) {
    Packet& packet = burst[i];
    records_[i] = nullptr;
    const std::span<const std::uint8_t> frame(packet.data, packet.length_bytes);
    if (left_ == 0 || !options_.filter.matches(frame)) continue;
    CaptureRecord record;
    record.time_ns = now_ns + options_.epoch_ns;
    record.in_port = packet.in_port;
    record.worker = options_.worker;
    record.in_length = packet.length_bytes;
    record.in_bytes =
        static_cast<std::uint16_t>(std::min<std::size_t>(frame.size(), options_.snaplen));
    const std::size_t sent_max =
        options_.with_sent ? sent_bytes_max(packet, record, options_.snaplen) : 0;
    record.size_bytes =
        static_cast<std::uint32_t>(CaptureRecord::size_of(record.in_bytes + sent_max));
    std::uint8_t* const room = ring_.reserve(record.size_bytes);
    if (room == nullptr) continue;
    records_[i] = new (room) CaptureRecord(record);
    std::memcpy(room + sizeof record, frame.data(), record.in_bytes);
    // The pipeline notes these for those packets that have them.
    packet.listener = no_listener;
    packet.target = no_target;
    packet.lookup = FlowLookup::none;
    --left_;
  }
}

void CaptureTap::leave(std::span<const Packet> burst) {
  for (std::size_t i = 0; i < burst.size(); ++i) {
    CaptureRecord* const record = records_[i];
    const Packet& packet = burst[i];
    if (record == nullptr || exit_of(packet.verdict) != Exit::transmit) continue;
    record->out_length = packet.length_bytes;
    if (!options_.with_sent) continue;
    const std::size_t room = record->size_bytes - sizeof *record - record->in_bytes;
    record->out_bytes = static_cast<std::uint16_t>(
        std::min({room, std::size_t{packet.length_bytes}, std::size_t{options_.snaplen}}));
    std::memcpy(reinterpret_cast<std::uint8_t*>(record + 1) + record->in_bytes, packet.data,
                record->out_bytes);
  }
}

void CaptureTap::decided(std::span<const Packet> burst) {
  for (std::size_t i = 0; i < burst.size(); ++i) {
    CaptureRecord* const record = records_[i];
    if (record == nullptr) continue;
    const Packet& packet = burst[i];
    record->verdict = packet.verdict;
    record->lookup = packet.lookup;
    record->listener = packet.listener;
    record->target = packet.target.bits;
    if (exit_of(packet.verdict) == Exit::transmit)
      record->out_port = packet.out_port;
    else
      record->out_length = record->out_bytes = 0;
  }
  ring_.commit();
}

}  // namespace sluice::dataplane
