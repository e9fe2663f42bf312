#include "dataplane/l4/reply_reset.h"

#include <utility>

#include "core/net/reset.h"
#include "core/net/wire.h"

namespace sluice::dataplane {

void reply_reset(Packet& packet) {
  const std::uint16_t ip_bytes = make_reset(packet.data, packet.parsed);
  packet.length_bytes = static_cast<std::uint16_t>(packet.parsed.l3_offset + ip_bytes);
  auto& ethernet = *reinterpret_cast<wire::EthernetHeader*>(packet.data);
  std::swap(ethernet.destination, ethernet.source);
  packet.out_port = packet.in_port;
  packet.verdict = Verdict::replied_reset;
}

}  // namespace sluice::dataplane
