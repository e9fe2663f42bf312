#include "control/capture/stream.h"

#include <chrono>
#include <fmt/format.h>

#include "control/capture/words.h"
#include "core/capture/pcapng.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;

constexpr Ring::Duration look_interval = 20ms;
constexpr Ring::Duration send_timeout = 30s;

std::string head_of(const CaptureAnswer& answer) {
  return fmt::format(
      "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n"
      "Trailer: Capture-Packets, Capture-Dropped, Capture-Failed, Capture-End\r\nConnection: "
      "close\r\n\r\n",
      answer.format == CaptureAnswer::Format::pcapng ? "application/x-pcapng"
                                                     : "application/x-ndjson");
}

std::string chunk(std::string_view bytes) {
  if (bytes.empty()) return "";
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

std::string trailer(const CaptureWriter& writer, const CapturePiece& last) {
  return fmt::format(
      "0\r\nCapture-Packets: {}\r\nCapture-Dropped: {}\r\nCapture-Failed: {}\r\n"
      "Capture-End: {}\r\n\r\n",
      writer.packets(), last.dropped, last.failed, last.reason);
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// The client has nothing more to say: when its socket becomes readable, it is gone.
Task<bool> is_gone_within(Ring& ring, int socket, Ring::Duration time) {
  const int events = co_await ring.readable(socket, time);
  co_return events != -ETIME;
}

}  // namespace

std::string CaptureWriter::begin() const {
  if (answer_.format == CaptureAnswer::Format::trace) return "";
  std::vector<std::string> interfaces;
  for (const PortConfig& port : around_.state.config().ports) interfaces.push_back(port.name);
  return pcapng_begin("sluice " SLUICE_VERSION, interfaces, answer_.snaplen);
}

std::string CaptureWriter::write(const CapturePiece& piece) {
  std::string out;
  CaptureReader reader(piece.records);
  while (const auto packet = reader.next()) {
    if (packets_ == answer_.packets) break;
    ++packets_;
    last_ns_ = packet->record.time_ns;
    out += answer_.format == CaptureAnswer::Format::pcapng ? pcapng_of(*packet) : trace_of(*packet);
  }
  return out;
}

std::string CaptureWriter::end(const CapturePiece& last) const {
  if (answer_.format == CaptureAnswer::Format::trace) return "";
  return pcapng_statistics(last_ns_, packets_ + last.dropped, last.dropped, last.reason);
}

std::string CaptureWriter::pcapng_of(const CapturedPacket& packet) const {
  const CaptureRecord& record = packet.record;
  const std::size_t ports = around_.state.config().ports.size();
  const PacketNames names = names_of(record, around_.state.config(), around_.data_plane.counters());
  const std::string comment = verdict_comment(record, names);
  const auto interface = [&](PortIndex port) -> std::uint32_t { return port < ports ? port : 0; };
  std::string out = pcapng_packet({.interface = interface(record.in_port),
                                   .time_ns = record.time_ns,
                                   .length_bytes = record.in_length,
                                   .bytes = packet.in,
                                   .direction = PcapngDirection::in,
                                   .comment = answer_.with_sent ? "came in: " + comment : comment});
  if (record.out_length == 0 || !answer_.with_sent) return out;
  return out + pcapng_packet({.interface = interface(record.out_port),
                              .time_ns = record.time_ns,
                              .length_bytes = record.out_length,
                              .bytes = packet.out,
                              .direction = PcapngDirection::out,
                              .comment = "went out: " + comment});
}

std::string CaptureWriter::trace_of(const CapturedPacket& packet) const {
  const PacketNames names =
      names_of(packet.record, around_.state.config(), around_.data_plane.counters());
  return to_text(control::trace_of(packets_, packet, names, around_.state.snapshot()));
}

Task<void> send_capture(Ring& ring, int socket, CaptureAnswer answer,
                        CaptureSurroundings surroundings) {
  CaptureWriter writer(answer, surroundings);
  CapturePiece piece;
  std::string bytes = head_of(answer) + chunk(writer.begin());
  while (true) {
    const int sent = co_await send_all(ring, socket, bytes_of(bytes), send_timeout);
    if (sent != 0 || piece.ended) break;
    piece = surroundings.desk.take();
    if (!piece.ended && piece.records.empty()) {
      bytes.clear();
      const bool gone = co_await is_gone_within(ring, socket, look_interval);
      if (gone) break;
      continue;
    }
    surroundings.data_plane.refresh();
    bytes = chunk(writer.write(piece));
    if (piece.ended) bytes += chunk(writer.end(piece)) + trailer(writer, piece);
  }
  surroundings.desk.end();
}

}  // namespace sluice::control
