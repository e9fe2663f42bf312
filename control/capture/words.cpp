#include "control/capture/words.h"

#include <fmt/format.h>
#include <optional>

#include "core/config/explain.h"
#include "core/net/parse.h"
#include "core/net/wire.h"

namespace sluice::control {
namespace {

std::string port_name(const Config& config, PortIndex port) {
  return port < config.ports.size() ? config.ports[port].name : "";
}

Json or_null(std::string_view text) { return text.empty() ? Json(nullptr) : Json(text); }

std::string layer4_text(const ParsedPacket& packet) {
  switch (packet.layer4) {
    case Layer4::tcp:
      return "tcp";
    case Layer4::udp:
      return "udp";
    case Layer4::sctp:
      return "sctp";
    case Layer4::icmp:
      return fmt::format("icmp type {}", packet.icmp_type);
    case Layer4::icmpv6:
      return fmt::format("icmpv6 type {}", packet.icmp_type);
    case Layer4::none:
    case Layer4::other:
      break;
  }
  return fmt::format("protocol {}", packet.ip_protocol);
}

// Whether there is more to say of the frame than its link header.
bool read(std::span<const std::uint8_t> frame, ParsedPacket& out) {
  const Verdict verdict = parse(frame, out);
  return verdict == Verdict::none ||
         (verdict == Verdict::passed_to_kernel && out.layer4 != Layer4::none);
}

// "tcp 192.0.2.1:1234 -> 203.0.113.10:80, ttl 64", or what the frame is instead.
std::string packet_text(std::span<const std::uint8_t> frame) {
  ParsedPacket packet;
  if (!read(frame, packet)) {
    if (frame.size() < sizeof(wire::EthernetHeader)) return "less than a link header";
    return fmt::format("no IP that can be read, ethertype 0x{:02x}{:02x}", frame[12], frame[13]);
  }
  std::string out = layer4_text(packet) + " ";
  if (packet.has_ports)
    out += Endpoint{packet.source, Port::from_be(packet.source_port)}.text() + " -> " +
           Endpoint{packet.destination, Port::from_be(packet.destination_port)}.text();
  else
    out += packet.source.text() + " -> " + packet.destination.text();
  if (packet.is_fragment) out += ", a fragment";
  return out + fmt::format(", ttl {}", packet.ttl);
}

std::string link_text(std::span<const std::uint8_t> frame) {
  if (frame.size() < sizeof(wire::EthernetHeader)) return "";
  MacAddress to;
  std::copy_n(frame.begin(), to.bytes.size(), to.bytes.begin());
  return to.text();
}

std::optional<FiveTuple> tuple_of(std::span<const std::uint8_t> frame) {
  ParsedPacket parsed;
  if (parse(frame, parsed) != Verdict::none || !parsed.has_ports) return std::nullopt;
  return FiveTuple{parsed.source, parsed.destination, Port::from_be(parsed.source_port),
                   Port::from_be(parsed.destination_port),
                   parsed.layer4 == Layer4::tcp ? Protocol::tcp : Protocol::udp};
}

// By what is in force now: when that has changed since, there is less to say.
std::vector<std::string> reasons_of(const CapturedPacket& packet, const FiveTuple& tuple,
                                    const PacketNames& names, const Snapshot& snapshot) {
  std::optional<Target> entry;
  if (packet.record.lookup == FlowLookup::hit) entry = Target{packet.record.target};
  const Explanation why = explain(snapshot, tuple, entry);
  if (why.service == names.service && why.backend_name == names.backend) return why.reasons;
  return {"the configuration or the health of backends has changed since: no steps"};
}

std::vector<std::string> steps_of(const CapturedPacket& packet, const PacketNames& names,
                                  const Snapshot& snapshot) {
  std::vector<std::string> out;
  out.push_back(fmt::format("came in by port {}: {}", names.in_port.empty() ? "?" : names.in_port,
                            packet_text(packet.in)));
  const auto tuple = tuple_of(packet.in);
  const bool is_returning = packet.record.verdict == Verdict::sent_nat_return;
  if (packet.record.lookup == FlowLookup::moved)
    out.emplace_back("the flow table had a backend that takes it no more: picked anew");
  if (is_returning)
    out.push_back("the answer of " + names.service + "/" + names.backend + " to a client of nat");
  else if (tuple)
    for (std::string& reason : reasons_of(packet, *tuple, names, snapshot))
      out.push_back(std::move(reason));
  if (!packet.out.empty())
    out.push_back(fmt::format("went out by port {} to {}: {}, {} bytes",
                              names.out_port.empty() ? "?" : names.out_port, link_text(packet.out),
                              packet_text(packet.out), packet.record.out_length));
  out.emplace_back(describe(packet.record.verdict));
  return out;
}

}  // namespace

PacketNames names_of(const CaptureRecord& record, const Config& config,
                     const CountersView* counters) {
  PacketNames out;
  out.in_port = port_name(config, record.in_port);
  out.out_port = port_name(config, record.out_port);
  if (counters == nullptr) return out;
  if (record.listener < listeners_max) {
    const ListenerRecord& listener = counters->directory().listeners[record.listener];
    if (listener.in_use != 0) out.service = listener.service.view();
  }
  if (const BackendRecord* owner = counters->owner(Target{record.target})) {
    out.service = owner->service.view();
    out.backend = owner->name.view();
  }
  return out;
}

std::string verdict_comment(const CaptureRecord& record, const PacketNames& names) {
  std::string out(to_string(record.verdict));
  if (!names.service.empty()) out += " " + names.service;
  if (!names.backend.empty()) out += "/" + names.backend;
  if (!names.out_port.empty()) out += " out " + names.out_port;
  if (record.lookup != FlowLookup::none) out += ", " + std::string(describe(record.lookup));
  return out;
}

Json trace_of(std::uint64_t number, const CapturedPacket& packet, const PacketNames& names,
              const Snapshot& snapshot) {
  const CaptureRecord& record = packet.record;
  const auto tuple = tuple_of(packet.in);
  return {{"packet", number},
          {"time_ns", record.time_ns},
          {"verdict", to_string(record.verdict)},
          {"description", describe(record.verdict)},
          {"service", or_null(names.service)},
          {"backend", or_null(names.backend)},
          {"flow", or_null(to_string(record.lookup))},
          {"tuple", tuple ? Json(tuple->text()) : Json(nullptr)},
          {"in_port", or_null(names.in_port)},
          {"out_port", or_null(names.out_port)},
          {"worker", record.worker},
          {"in_bytes", record.in_length},
          {"out_bytes", record.out_length},
          {"sent", packet.out.empty() ? Json(nullptr) : Json(packet_text(packet.out))},
          {"steps", steps_of(packet, names, snapshot)}};
}

}  // namespace sluice::control
