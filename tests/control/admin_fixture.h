#pragma once

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include "control/admin/api.h"
#include "control/admin/json.h"
#include "control/state/state.h"
#include "tests/control/fake_dataplane.h"

namespace sluice::control::test {

inline constexpr std::string_view config_text = R"(
[[port]]
name   = "wan0"
driver = "vdev"
device = "net_null0"

[[service]]
name     = "web"
vip      = ["203.0.113.10"]
port     = 80
forward  = "ipip"

[[service.backend]]
name    = "web1"
address = "10.0.1.11"

[[service.backend]]
name    = "web2"
address = "10.0.1.12"
)";

// A state of that configuration in a directory of its own, and calls to the API over it.
class AdminTest : public testing::Test {
 protected:
  AdminTest() {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_ / "state");
    std::ofstream(config_path()) << config_text;
    EXPECT_TRUE(state_.load());
  }
  ~AdminTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string config_path() const { return directory_ / "sluice.toml"; }
  [[nodiscard]] std::string run_dir() const { return directory_; }

  Response call(std::string method, std::string_view target, std::string body = "") {
    RequestReader reader;
    const std::string head =
        std::move(method) + " " + std::string(target) +
        " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
        body;
    reader.feed({reinterpret_cast<const std::uint8_t*>(head.data()), head.size()});
    const auto request = reader.next();
    EXPECT_TRUE(request) << target;
    return request ? handle(*request, {state_, view_}) : Response{.status = 0};
  }
  // The JSON of an answer that must have this status.
  Json json(std::string method, std::string_view target, std::string body = "", int status = 200) {
    const Response response = call(std::move(method), target, std::move(body));
    EXPECT_EQ(response.status, status) << response.body;
    return Json::parse(response.body);
  }
  void give_path(std::string_view address) {
    Paths paths = state_.paths();
    Path path;
    path.destination = path.next_hop = ip(address);
    path.port = "wan0";
    path.source = ip("10.0.1.1");
    paths.entries.push_back(path);
    state_.set_paths(paths);
  }
  void connect_data_plane() {
    state_.set_report(Report{.pid = FakeDataplane::pid,
                             .version = "0.1.0",
                             .forwarding = true,
                             .config_generation = state_.config_generation(),
                             .health_generation = state_.health_generation(),
                             .paths_generation = state_.paths_generation(),
                             .error = {},
                             .notes = {"wan0: no offloads"}});
  }

  std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("sluice-admin-test-" + std::to_string(getpid()));
  State state_{{.config_path = config_path(), .state_dir = directory_ / "state"}};
  DataplaneView view_{run_dir()};
};

}  // namespace sluice::control::test
