#pragma once

#include <cstdint>
#include <span>

#include "core/net/checksum.h"
#include "core/net/parse.h"
#include "core/net/tcp_options.h"
#include "core/net/wire.h"

namespace sluice {

/// A place in a TCP byte stream, or a distance between two: host order, modulo 2^32.
using TcpSequence = std::uint32_t;

/// Changes the TCP header of a packet in place. Checksums are adjusted, never computed anew, so
/// that a segment that came in damaged goes out damaged. Nothing is complete before `finish`.
class TcpEdit {
 public:
  /// `frame` is what `parse` made `packet` of, which has TCP ports. Both must outlive this.
  TcpEdit(std::uint8_t* frame, const ParsedPacket& packet);

  [[nodiscard]] TcpSequence sequence() const { return header_.sequence.host(); }
  [[nodiscard]] TcpSequence acknowledgement() const { return header_.acknowledgement.host(); }
  [[nodiscard]] std::uint16_t window() const { return header_.window.host(); }
  [[nodiscard]] bool has(std::uint8_t flag) const { return (header_.flags & flag) != 0; }
  [[nodiscard]] TcpOptions options() const { return read_tcp_options(option_bytes()); }

  void set_sequence(TcpSequence sequence);
  void set_acknowledgement(TcpSequence acknowledgement);
  void set_window(std::uint16_t window);
  void set_flags(std::uint8_t flags);
  /// `map` gives what the edge of a SACK block becomes (RFC 2018 section 3).
  template <typename Map>
  void map_sack(Map&& map) {
    edit_options([&](TcpOption kind, std::span<std::uint8_t> body) {
      if (kind != TcpOption::sack || body.size() % (2 * sizeof(Be32)) != 0) return;
      for (std::size_t at = 0; at < body.size(); at += sizeof(Be32))
        store(body.data() + at, map(load(body.data() + at)));
    });
  }
  /// Added modulo 2^32 (RFC 7323 section 3).
  void shift_timestamps(std::uint32_t value, std::uint32_t echo);
  /// Puts no-operations where this option is.
  void blank_option(TcpOption kind);
  void finish() { header_.checksum = change_.apply(header_.checksum); }

 private:
  [[nodiscard]] std::span<std::uint8_t> option_bytes() const;
  // Options stand at any offset, so the change is that of the whole area, which is of whole words.
  template <typename Visit>
  void edit_options(Visit&& visit) {
    const auto bytes = option_bytes();
    if (bytes.empty()) return;
    const Be16 before = folded_sum(bytes);
    for_each_tcp_option(bytes, visit);
    change_.replace(before, folded_sum(bytes));
  }
  [[nodiscard]] static Be16 folded_sum(std::span<const std::uint8_t> bytes);
  [[nodiscard]] static std::uint32_t load(const std::uint8_t* from) {
    return load_unaligned<Be32>(from).host();
  }
  static void store(std::uint8_t* to, std::uint32_t value);

  wire::TcpHeader& header_;
  ChecksumChange change_;
};

/// The bytes of IP and TCP headers together, and those of the payload.
[[nodiscard]] std::uint16_t tcp_headers_bytes(const std::uint8_t* frame,
                                              const ParsedPacket& packet);
[[nodiscard]] std::uint16_t tcp_payload_bytes(const std::uint8_t* frame,
                                              const ParsedPacket& packet);

/// Takes the payload of a segment that is no fragment out of its lengths and checksums; the bytes
/// stay where they are, behind the packet.
void drop_tcp_payload(std::uint8_t* frame, ParsedPacket& packet);
/// Counts bytes that the caller has put between TCP header and payload, an even number, in lengths
/// and checksums. `packet.ip_length_bytes` plus theirs is at most 65,535.
void count_inserted(std::uint8_t* frame, ParsedPacket& packet,
                    std::span<const std::uint8_t> inserted);

/// The sequence number of the packet that an ICMP error quotes; `quoted` is what `parse_quoted`
/// read and is TCP. False when the quotation ends before it (RFC 792 wants it there).
[[nodiscard]] bool read_quoted_sequence(const std::uint8_t* frame, const ParsedPacket& quoted,
                                        TcpSequence& sequence);
/// Replaces it, with ICMP's checksum and, where it is quoted so far, TCP's.
void set_quoted_sequence(std::uint8_t* frame, const ParsedPacket& error, const ParsedPacket& quoted,
                         TcpSequence sequence);

}  // namespace sluice
