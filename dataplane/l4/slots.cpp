#include "dataplane/l4/slots.h"

namespace sluice::dataplane {

std::uint64_t hash_of_flow(const Snapshot& snapshot, const Packet& packet) {
  const ParsedPacket& parsed = packet.parsed;
  const std::uint32_t ports = static_cast<std::uint32_t>(parsed.source_port.raw()) |
                              static_cast<std::uint32_t>(parsed.destination_port.raw()) << 16;
  return hash_flow(parsed.source, parsed.destination, ports,
                   snapshot.listeners[packet.listener].protocol, snapshot.hash_seed);
}

std::uint32_t slot_of_packet(const Snapshot& snapshot, const Service& service,
                             const Packet& packet) {
  const Choosing& choosing = service.choosing;
  return service.slots->slot_of(
      choosing.by_source
          ? hash_source(masked_source(packet.parsed.source, choosing.mask), snapshot.hash_seed)
          : hash_of_flow(snapshot, packet));
}

const Backend* slot_backend(const Snapshot& snapshot, const Service& service,
                            const Packet& packet) {
  if (service.slots->empty()) return nullptr;
  const std::uint32_t slot = slot_of_packet(snapshot, service, packet);
  return &snapshot.backend(BackendId{service.slots->owner(slot)});
}

}  // namespace sluice::dataplane
