#pragma once

#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/file.h"

namespace sluice::control::test {

// Every key once.
inline constexpr std::string_view good_file = R"(# Balancer of the web site
[dataplane]
cores = [1, 2]
idle = "sleep"
hugepages = "on"
memory = "512 MiB"
flows_max = 2_000_000
hash_seed = 42

[[port]]
name = "wan0"
driver = "af_xdp"
device = "eth1"
queues = 2

[[port]]
name = "lan0"
driver = "pci"
device = "0000:01:00.0"
kernel_tap = true

[[service]]
name = "web"
vip = ["203.0.113.10", "2001:db8::10"]
port = [80, 443]
protocol = "tcp"
forward = "ipip"
balance = "maglev"
slots = 65537
idle_timeout = "15m"
slow_start = "30s"
on_death = "reset"
health = { type = "http", interval = "1s", timeout = "500ms", rise = 2, fall = 3, port = 8080, path = "/healthz", host = "www.example.org", status = "200-399" }

[[service.backend]]
name = "web1"
address = "10.0.1.11"
weight = 10

[[service.backend]]
name = "web2"
address = "2001:db8:1::12"
drain = true

[[service]]
name = "dns"
vip = "203.0.113.53"
port = 53
protocol = "udp"
forward = "nat"
source_pool = ["10.0.1.2", "10.0.1.3"]

[service.health]
type = "tcp"
status = 204

[[service.backend]]
name = "dns1"
address = "10.0.1.53"
port = 5353
)";

/// `text` with the first `from` in it as `to`.
[[nodiscard]] inline std::string replaced(std::string_view text, std::string_view from,
                                          std::string_view to) {
  std::string out(text);
  const std::size_t at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) out.replace(at, from.size(), to);
  return out;
}

/// For the message of a failed expectation.
[[nodiscard]] inline std::string texts(const std::vector<FileError>& errors) {
  std::string out;
  for (const FileError& error : errors) out += error.text() + "\n";
  return out;
}

}  // namespace sluice::control::test
