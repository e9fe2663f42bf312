// Sends TCP SYNs from forged IPv4 or IPv6 clients out of one interface, as fast as it is told, and
// ends by itself: `flood DEVICE GATEWAY_MAC VIP PORT PACKETS PER_SECOND`. For tests in namespaces
// of their own.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <linux/if_packet.h>
#include <net/if.h>
#include <random>
#include <span>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "core/net/address.h"

namespace sluice {
namespace {

constexpr std::size_t burst = 64;
constexpr std::size_t frame_bytes_max = 128;
constexpr unsigned long packets_max = 10'000'000;

struct Target {
  MacAddress gateway;
  Address vip;
  Port port;
};

void put16(std::uint8_t* to, std::uint16_t value) {
  to[0] = static_cast<std::uint8_t>(value >> 8);
  to[1] = static_cast<std::uint8_t>(value);
}

// RFC 1071, of bytes in network order.
std::uint32_t sum_of(std::span<const std::uint8_t> bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8 : bytes[i];
  return sum;
}
std::uint16_t finish(std::uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// One frame whose source address and port are drawn anew.
class Syn {
 public:
  explicit Syn(const Target& target) : is_ipv4_(target.vip.is_ipv4()) {
    std::ranges::copy(target.gateway.bytes, bytes_.begin());
    bytes_[6] = 0x02;
    put16(&bytes_[12], is_ipv4_ ? 0x0800 : 0x86dd);
    const auto& vip = target.vip.bytes();
    std::uint8_t* const ip = &bytes_[14];
    if (is_ipv4_) {
      ip[0] = 0x45;
      put16(ip + 2, 40);
      ip[8] = 64;
      ip[9] = 6;
      std::copy_n(&vip[12], 4, ip + 16);
    } else {
      ip[0] = 0x60;
      put16(ip + 4, 20);
      ip[6] = 6;
      ip[7] = 64;
      std::copy_n(vip.data(), 16, ip + 24);
    }
    put16(tcp() + 2, target.port.value());
    tcp()[12] = 0x50;
    tcp()[13] = 0x02;
    put16(tcp() + 14, 64'000);
  }
  std::span<const std::uint8_t> draw(std::mt19937_64& random) {
    const std::uint64_t noise = random();
    std::uint8_t* const ip = &bytes_[14];
    // 10.0.0.0/8, or 2001:db8:bad::/48: nobody's here.
    if (is_ipv4_) {
      ip[12] = 10;
      std::memcpy(ip + 13, &noise, 3);
      put16(ip + 10, 0);
      put16(ip + 10, finish(sum_of({ip, 20})));
    } else {
      constexpr std::uint8_t prefix[] = {0x20, 0x01, 0x0d, 0xb8, 0x0b, 0xad};
      std::copy_n(prefix, sizeof prefix, ip + 8);
      std::memcpy(ip + 16, &noise, 8);
    }
    put16(tcp(), static_cast<std::uint16_t>(1'024 + random() % 60'000));
    put16(tcp() + 4, static_cast<std::uint16_t>(random()));
    put16(tcp() + 16, 0);
    const std::span<const std::uint8_t> addresses = is_ipv4_
                                                        ? std::span<const std::uint8_t>(ip + 12, 8)
                                                        : std::span<const std::uint8_t>(ip + 8, 32);
    put16(tcp() + 16, finish(sum_of({tcp(), 20}, sum_of(addresses, 6 + 20))));
    return {bytes_.data(), static_cast<std::size_t>(tcp() + 20 - bytes_.data())};
  }

 private:
  std::uint8_t* tcp() { return &bytes_[is_ipv4_ ? 34 : 54]; }
  bool is_ipv4_;
  std::array<std::uint8_t, frame_bytes_max> bytes_{};
};

int open_socket(const char* device) {
  const int out = socket(AF_PACKET, SOCK_RAW, 0);  // protocol 0: sends only
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(device));
  const auto* any = reinterpret_cast<const sockaddr*>(&address);
  if (out < 0 || address.sll_ifindex == 0 || bind(out, any, sizeof address) != 0) return -1;
  return out;
}

// How many of the packets the device took.
unsigned long flood(int socket, const Target& target, unsigned long packets,
                    unsigned long per_second) {
  using Clock = std::chrono::steady_clock;
  std::mt19937_64 random(std::random_device{}());
  Syn syn(target);
  std::array<std::array<std::uint8_t, frame_bytes_max>, burst> frames{};
  std::array<iovec, burst> pieces{};
  std::array<mmsghdr, burst> messages{};
  unsigned long sent = 0;
  const auto start = Clock::now();
  for (unsigned long done = 0; done < packets; done += burst) {
    for (std::size_t i = 0; i < burst; ++i) {
      const auto frame = syn.draw(random);
      std::ranges::copy(frame, frames[i].begin());
      pieces[i] = {frames[i].data(), frame.size()};
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int taken = sendmmsg(socket, messages.data(), burst, 0);
    sent += taken > 0 ? static_cast<unsigned long>(taken) : 0;
    std::this_thread::sleep_until(
        start + std::chrono::nanoseconds((done + burst) * 1'000'000'000 / per_second));
  }
  return sent;
}

int run(std::span<char*> arguments) {
  if (arguments.size() != 7) {
    std::fputs("flood DEVICE GATEWAY_MAC VIP PORT PACKETS PER_SECOND\n", stderr);
    return 2;
  }
  const auto gateway = MacAddress::parse(arguments[2]);
  const auto vip = Address::parse(arguments[3]);
  const auto port = Port::parse(arguments[4]);
  const unsigned long packets = std::strtoul(arguments[5], nullptr, 10);
  const unsigned long per_second = std::strtoul(arguments[6], nullptr, 10);
  if (!gateway || !vip || !port || packets > packets_max || per_second == 0) {
    std::fputs("flood: an argument is wrong\n", stderr);
    return 2;
  }
  const int socket = open_socket(arguments[1]);
  if (socket < 0) {
    std::perror("flood: cannot send on that device");
    return 1;
  }
  std::printf("%lu\n", flood(socket, {*gateway, *vip, *port}, packets, per_second));
  close(socket);
  return 0;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) { return sluice::run({argv, static_cast<std::size_t>(argc)}); }
