#include "core/net/tcp_options.h"

#include <algorithm>
#include <cstring>

namespace sluice {
namespace {

constexpr std::size_t timestamps_bytes = 8;

// Fills an area from its front.
class Writer {
 public:
  explicit Writer(std::span<std::uint8_t> to) : to_(to) {}
  void put(TcpOption kind) { put(static_cast<std::uint8_t>(kind)); }
  void put(TcpOption kind, std::uint8_t length_bytes) {
    put(kind);
    put(length_bytes);
  }
  void put(std::uint8_t byte) { to_[used_++] = byte; }
  void put(Be16 word) {
    for (const std::uint8_t byte : word.bytes) put(byte);
  }
  void put(Be32 words) {
    for (const std::uint8_t byte : words.bytes) put(byte);
  }
  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  std::span<std::uint8_t> to_;
  std::size_t used_ = 0;
};

}  // namespace

TcpOptions read_tcp_options(std::span<const std::uint8_t> options) {
  TcpOptions out;
  for_each_tcp_option(options, [&](TcpOption kind, std::span<const std::uint8_t> body) {
    if (kind == TcpOption::mss && body.size() == sizeof(Be16))
      out.mss_bytes = load_unaligned<Be16>(body.data()).host();
    if (kind == TcpOption::window_scale && body.size() == 1)
      out.window_scale = std::min(body[0], TcpOptions::window_scale_max);
    if (kind == TcpOption::sack_permitted && body.empty()) out.sack_permitted = true;
    if (kind == TcpOption::timestamps && body.size() == timestamps_bytes)
      out.timestamps = {load_unaligned<Be32>(body.data()).host(),
                        load_unaligned<Be32>(body.data() + sizeof(Be32)).host()};
  });
  return out;
}

std::size_t write_tcp_options(const TcpOptions& options,
                              std::span<std::uint8_t, tcp_options_bytes_max> to) {
  Writer writer(to);
  if (options.mss_bytes) {
    writer.put(TcpOption::mss, 4);
    writer.put(Be16::from_host(*options.mss_bytes));
  }
  if (options.timestamps) {
    // SACK-permitted stands where two bytes of padding would.
    if (options.sack_permitted) {
      writer.put(TcpOption::sack_permitted, 2);
    } else {
      writer.put(TcpOption::no_operation);
      writer.put(TcpOption::no_operation);
    }
    writer.put(TcpOption::timestamps, 2 + timestamps_bytes);
    writer.put(Be32::from_host(options.timestamps->value));
    writer.put(Be32::from_host(options.timestamps->echo));
  } else if (options.sack_permitted) {
    writer.put(TcpOption::no_operation);
    writer.put(TcpOption::no_operation);
    writer.put(TcpOption::sack_permitted, 2);
  }
  if (options.window_scale) {
    writer.put(TcpOption::no_operation);
    writer.put(TcpOption::window_scale, 3);
    writer.put(*options.window_scale);
  }
  return writer.used();
}

}  // namespace sluice
