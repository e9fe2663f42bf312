#include "tools/replay/capture.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <pcap/pcap.h>
#include <string_view>

namespace sluice::replay {
namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;
constexpr int frame_bytes_max = 262'144;        // what tcpdump takes by default
constexpr std::uint64_t record_bytes_min = 16;  // the header of a frame in a pcap file

// libpcap begins some of its messages with the file's name.
std::unexpected<Error> failure(const std::string& doing, std::string_view why,
                               const std::string& path, std::string remedy) {
  if (const std::string prefix = path + ": "; why.starts_with(prefix))
    why.remove_prefix(prefix.size());
  return std::unexpected(Error{doing + ": " + std::string(why), path, std::move(remedy)});
}

// Anything can stand in a file: times before 1970 become 1970, those after 2540 that year.
std::uint64_t time_of(const timeval& time) {
  constexpr auto seconds_max = std::int64_t{18'000'000'000};
  const auto seconds = std::clamp<std::int64_t>(time.tv_sec, 0, seconds_max);
  const auto ns = std::clamp<std::int64_t>(time.tv_usec, 0, ns_per_second - 1);
  return static_cast<std::uint64_t>(seconds) * ns_per_second + static_cast<std::uint64_t>(ns);
}

std::string link_type_name(int type) {
  const char* name = pcap_datalink_val_to_name(type);
  return name != nullptr ? name : "number " + std::to_string(type);
}

}  // namespace

void CaptureReader::Close::operator()(pcap* handle) const { pcap_close(handle); }

std::expected<CaptureReader, Error> CaptureReader::open(const std::string& path) {
  constexpr auto doing = "cannot read the capture";
  std::array<char, PCAP_ERRBUF_SIZE> why{};
  // "-" is standard input to libpcap too.
  pcap_t* handle =
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, why.data());
  if (handle == nullptr)
    return failure(doing, why.data(), path,
                   "give a pcap or pcapng file, such as `tcpdump -w` and Wireshark write");
  CaptureReader out(std::unique_ptr<pcap, Close>(handle), path);
  if (const int type = pcap_datalink(handle); type != DLT_EN10MB)
    return failure(doing, "its link type is " + link_type_name(type) + ", not Ethernet", path,
                   "capture on one Ethernet interface, not on \"any\" and not on a tunnel");
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error))
    out.frames_max_ = std::filesystem::file_size(path, error) / record_bytes_min;
  return out;
}

std::expected<std::optional<Frame>, Error> CaptureReader::next() {
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  switch (pcap_next_ex(handle_.get(), &header, &bytes)) {
    case 1:
      return Frame{{bytes, header->caplen}, time_of(header->ts), header->len};
    case PCAP_ERROR_BREAK:
      return std::nullopt;
    default:
      return failure("the capture is damaged", pcap_geterr(handle_.get()), path_,
                     "what came before is replayed; capture again, and end tcpdump with SIGINT");
  }
}

void CaptureWriter::Close::operator()(pcap* handle) const { pcap_close(handle); }
void CaptureWriter::Close::operator()(pcap_dumper* file) const { pcap_dump_close(file); }

std::expected<CaptureWriter, Error> CaptureWriter::create(const std::string& path) {
  constexpr auto doing = "cannot write the capture";
  std::unique_ptr<pcap, Close> handle(pcap_open_dead(DLT_EN10MB, frame_bytes_max));
  if (handle == nullptr) return failure(doing, "out of memory", path, "");
  std::unique_ptr<pcap_dumper, Close> file(pcap_dump_open(handle.get(), path.c_str()));
  if (file == nullptr)
    return failure(doing, pcap_geterr(handle.get()), path,
                   "name a file in a directory that is there and may be written to");
  return CaptureWriter(std::move(handle), std::move(file), path);
}

std::expected<void, Error> CaptureWriter::write(std::span<const std::uint8_t> bytes,
                                                std::uint64_t time_ns) {
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<time_t>(time_ns / ns_per_second);
  header.ts.tv_usec = static_cast<suseconds_t>(time_ns % ns_per_second / 1'000);
  header.caplen = header.len = static_cast<bpf_u_int32>(bytes.size());
  pcap_dump(reinterpret_cast<u_char*>(file_.get()), &header, bytes.data());
  if (std::ferror(pcap_dump_file(file_.get())) == 0) return {};
  return failure("cannot write the capture", std::strerror(errno), path_, "make room for it");
}

std::expected<void, Error> CaptureWriter::finish() {
  if (pcap_dump_flush(file_.get()) == 0) return {};
  return failure("cannot write the capture", std::strerror(errno), path_, "make room for it");
}

}  // namespace sluice::replay
