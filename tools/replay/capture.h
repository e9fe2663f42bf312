#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/result.h"

// Capture files by libpcap, which stays in this folder.

struct pcap;
struct pcap_dumper;

namespace sluice::replay {

/// One frame of a capture.
struct Frame {
  std::span<const std::uint8_t> bytes;  // valid until the next one is read
  std::uint64_t time_ns = 0;            // since 1970
  std::uint32_t wire_length_bytes = 0;  // more than there is when the capture has cut the frame
  [[nodiscard]] bool is_cut() const { return bytes.size() < wire_length_bytes; }
};

/// Reads a pcap or pcapng file of Ethernet frames.
class CaptureReader {
 public:
  /// "-" is standard input.
  [[nodiscard]] static std::expected<CaptureReader, Error> open(const std::string& path);
  /// Nothing at the end. An error: the file is damaged from here on.
  [[nodiscard]] std::expected<std::optional<Frame>, Error> next();
  /// No more frames than this are in the file; nothing when it is a pipe, of no known size.
  [[nodiscard]] std::optional<std::uint64_t> frames_max() const { return frames_max_; }

 private:
  struct Close {
    void operator()(pcap* handle) const;
  };
  CaptureReader(std::unique_ptr<pcap, Close> handle, std::string path)
      : handle_(std::move(handle)), path_(std::move(path)) {}

  std::unique_ptr<pcap, Close> handle_;
  std::string path_;
  std::optional<std::uint64_t> frames_max_;
};

/// Writes a pcap file of Ethernet frames, with microseconds: what every reader of captures takes.
class CaptureWriter {
 public:
  /// A file of that name is replaced.
  [[nodiscard]] static std::expected<CaptureWriter, Error> create(const std::string& path);
  [[nodiscard]] std::expected<void, Error> write(std::span<const std::uint8_t> bytes,
                                                 std::uint64_t time_ns);
  /// All of it is with the system now.
  [[nodiscard]] std::expected<void, Error> finish();

 private:
  struct Close {
    void operator()(pcap* handle) const;
    void operator()(pcap_dumper* file) const;
  };
  CaptureWriter(std::unique_ptr<pcap, Close> handle, std::unique_ptr<pcap_dumper, Close> file,
                std::string path)
      : handle_(std::move(handle)), file_(std::move(file)), path_(std::move(path)) {}

  std::unique_ptr<pcap, Close> handle_;
  std::unique_ptr<pcap_dumper, Close> file_;
  std::string path_;
};

}  // namespace sluice::replay
