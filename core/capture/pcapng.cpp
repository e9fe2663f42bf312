#include "core/capture/pcapng.h"

#include <algorithm>
#include <cstddef>
#include <type_traits>

namespace sluice {
namespace {

constexpr std::uint32_t section_header = 0x0a0d0d0a;
constexpr std::uint32_t interface_description = 1;
constexpr std::uint32_t interface_statistics = 5;
constexpr std::uint32_t enhanced_packet = 6;
constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;
constexpr std::uint16_t link_ethernet = 1;

// Option codes; the same number means another thing in another block.
constexpr std::uint16_t option_comment = 1;
constexpr std::uint16_t section_program = 4;
constexpr std::uint16_t interface_name = 2;
constexpr std::uint16_t interface_resolution = 9;
constexpr std::uint8_t nanoseconds = 9;  // ten to the minus nine
constexpr std::uint16_t packet_flags = 2;
constexpr std::uint16_t statistics_received = 4;
constexpr std::uint16_t statistics_dropped = 5;
constexpr std::size_t option_bytes_max = 65'535;

// A block as it grows; numbers in this machine's order, which the section header tells.
class Block {
 public:
  explicit Block(std::uint32_t type) {
    put(type);
    put(std::uint32_t{0});  // the length, set by `finish`
  }

  template <typename T>
  void put(T value) {
    static_assert(std::is_integral_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put(std::string_view bytes) {
    bytes_ += bytes;
    bytes_.resize((bytes_.size() + 3) / 4 * 4);
  }
  void option(std::uint16_t code, std::string_view value) {
    value = value.substr(0, option_bytes_max);
    put(code);
    put(static_cast<std::uint16_t>(value.size()));
    put(value);
  }
  template <typename T>
  void number_option(std::uint16_t code, T value) {
    option(code, {reinterpret_cast<const char*>(&value), sizeof value});
  }
  // High half first, whatever the order of bytes.
  void put_time(std::uint64_t time_ns) {
    put(static_cast<std::uint32_t>(time_ns >> 32));
    put(static_cast<std::uint32_t>(time_ns));
  }

  // With the end of options in front.
  [[nodiscard]] std::string finish() && {
    put(std::uint32_t{0});
    const auto length = static_cast<std::uint32_t>(bytes_.size() + sizeof(std::uint32_t));
    put(length);
    std::copy_n(reinterpret_cast<const char*>(&length), sizeof length, &bytes_[4]);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string pcapng_begin(std::string_view program, const std::vector<std::string>& interfaces,
                         std::uint32_t snaplen) {
  Block section(section_header);
  section.put(byte_order_magic);
  section.put(std::uint16_t{1});  // version 1.0
  section.put(std::uint16_t{0});
  section.put(std::int64_t{-1});  // length of the section: not known
  section.option(section_program, program);
  std::string out = std::move(section).finish();
  for (const std::string& name : interfaces) {
    Block interface(interface_description);
    interface.put(link_ethernet);
    interface.put(std::uint16_t{0});
    interface.put(snaplen);
    interface.option(interface_name, name);
    interface.number_option(interface_resolution, nanoseconds);
    out += std::move(interface).finish();
  }
  return out;
}

std::string pcapng_packet(const PcapngPacket& packet) {
  Block out(enhanced_packet);
  out.put(packet.interface);
  out.put_time(packet.time_ns);
  out.put(static_cast<std::uint32_t>(packet.bytes.size()));
  out.put(packet.length_bytes);
  out.put(text_of(packet.bytes));
  out.number_option(packet_flags, static_cast<std::uint32_t>(packet.direction));
  if (!packet.comment.empty()) out.option(option_comment, packet.comment);
  return std::move(out).finish();
}

std::string pcapng_statistics(std::uint64_t time_ns, std::uint64_t received, std::uint64_t dropped,
                              std::string_view comment) {
  Block out(interface_statistics);
  out.put(std::uint32_t{0});  // the first interface: a capture is of all of them
  out.put_time(time_ns);
  out.number_option(statistics_received, received);
  out.number_option(statistics_dropped, dropped);
  if (!comment.empty()) out.option(option_comment, comment);
  return std::move(out).finish();
}

}  // namespace sluice
