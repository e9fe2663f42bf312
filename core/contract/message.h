#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/contract/codec.h"
#include "core/health/state.h"

// The conversation between the control plane and the data plane over the unix stream socket
// <run-dir>/dataplane.sock. The data plane listens and serves one control plane at a time; a newer
// connection replaces an older one.
//
//   data plane -> control plane   Report, on connect, then whenever one of its fields changes
//   control plane -> data plane   Config, Health, Paths: each whole, each with its generation, in
//   any order
//   control plane -> data plane   HealthChange, with the generation that it leads to: what is new
//   since the Health or HealthChange before it on this connection
//   control plane -> data plane   CaptureRequest, whose generation is the capture's number;
//   StopCapture ends it
//   data plane -> control plane   CapturePieces with that number, until one says it is the last
//
// A value whose generation the data plane already has is sent again after a reconnect all the same:
// it costs nothing.

namespace sluice {

enum class MessageType : std::uint16_t {
  report = 1,
  config = 2,
  health = 3,
  paths = 4,
  capture = 5,
  stop_capture = 6,
  captured = 7,
  health_change = 8,
};

/// In front of every message; little-endian.
struct MessageHeader {
  static constexpr std::uint32_t magic_value = 0x43554c53;  // "SLUC"
  static constexpr std::uint16_t version_value = 3;  // of this header and every message's fields
  static constexpr std::size_t length_bytes_max = 256UL << 20;

  std::uint32_t magic = magic_value;
  std::uint16_t version = version_value;
  MessageType type = MessageType::report;
  std::uint64_t generation = 0;
  std::uint64_t length_bytes = 0;  // of the body
};
static_assert(sizeof(MessageHeader) == 24);

/// What the data plane says of itself.
struct Report {
  std::uint32_t pid = 0;
  std::string version;
  bool forwarding = false;              // ports are open and workers run on a compiled snapshot
  std::uint64_t config_generation = 0;  // applied; 0: none yet
  std::uint64_t health_generation = 0;
  std::uint64_t paths_generation = 0;
  std::uint64_t rejected_generation = 0;  // the last Config it refused; 0: none
  std::string error;                      // why, or why it cannot start its ports
  std::vector<std::string> notes;         // what each port lacks and what that costs

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("pid", self.pid);
    visit("version", self.version);
    visit("forwarding", self.forwarding);
    visit("config_generation", self.config_generation);
    visit("health_generation", self.health_generation);
    visit("paths_generation", self.paths_generation);
    visit("rejected_generation", self.rejected_generation);
    visit("error", self.error);
    visit("notes", self.notes);
  }
  friend bool operator==(const Report&, const Report&) = default;
};

/// What has become of some backends since the health of generation `since`; the others are as they
/// were. A flip among a hundred thousand backends is a few bytes instead of megabytes.
struct HealthChange {
  std::uint64_t since = 0;
  std::vector<Health::Entry> entries;

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("since", self.since);
    visit("entries", self.entries);
  }
  friend bool operator==(const HealthChange&, const HealthChange&) = default;
};

/// Ends the capture of this number, if it still runs.
struct StopCapture {
  template <typename Self, typename Visitor>
  static void fields(Self&, Visitor&&) {}
};

/// Header and body, ready to send.
template <typename T>
[[nodiscard]] std::vector<std::uint8_t> make_message(MessageType type, std::uint64_t generation,
                                                     const T& value) {
  const std::vector<std::uint8_t> body = encode(value);
  MessageHeader header;
  header.type = type;
  header.generation = generation;
  header.length_bytes = body.size();
  std::vector<std::uint8_t> out(sizeof header + body.size());
  std::memcpy(out.data(), &header, sizeof header);
  std::ranges::copy(body, out.begin() + sizeof header);
  return out;
}

/// Cuts a byte stream into messages. Feed what was read; take messages until there is none.
class MessageReader {
 public:
  struct Message {
    MessageHeader header;
    std::vector<std::uint8_t> body;
  };
  void feed(std::span<const std::uint8_t> bytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
  /// The next whole message; nothing while it is incomplete or after `broken()`.
  [[nodiscard]] std::optional<Message> next();
  /// The other end speaks another protocol or version: close the connection.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  std::vector<std::uint8_t> buffer_;
  bool broken_ = false;
};

}  // namespace sluice
