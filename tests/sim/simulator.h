#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/dataplane/rig.h"
#include "tests/sim/world.h"

namespace sluice::sim {

/// Thousands of flows over two workers while configuration and health change under them. Each step
/// is one thing drawn at random: a packet of a flow, a flow that begins or ends, a server's answer,
/// a change that one worker learns of before the other, or a restart of the data plane. After each
/// packet it is judged whether it went where it must:
///   a flow that is known stays with its backend while that one keeps its flows;
///   a new flow, or one whose backend is gone, goes to a backend that takes new ones;
///   but a TCP flow whose backend is gone is reset where the service says so, and with nat;
///   another balancer of the same configuration would choose the same for a new flow;
///   what a NAT server answers reaches the client that asked.
class Simulator {
 public:
  explicit Simulator(std::uint64_t seed);

  /// Does one step. What went wrong, or nothing.
  [[nodiscard]] std::optional<std::string> step();
  /// How often each kind of step was done, for people.
  [[nodiscard]] std::string report() const;

 private:
  struct Flow {
    std::string service;
    FiveTuple tuple;
    std::size_t worker = 0;
    std::string backend;  // that it is on; empty: the next packet may choose anew
    MacAddress backend_mac;
    double last_seen = 0;
    // nat: a server's answer, as the last packet to the server says
    std::optional<FiveTuple> answer;
  };
  struct Worker {
    std::unique_ptr<dataplane::Rig> rig;
    std::shared_ptr<const View> view;
  };
  using Fault = std::optional<std::string>;

  void change();
  void catch_up();
  void restart();
  void wait();
  [[nodiscard]] Fault begin_flow();
  [[nodiscard]] Fault continue_flow();
  [[nodiscard]] Fault end_flow();
  [[nodiscard]] Fault answer_flow();
  [[nodiscard]] Fault send(Flow& flow, std::uint8_t tcp_flags, bool is_new);
  [[nodiscard]] Fault judge(Flow& flow, const dataplane::Outcome& out, bool is_new);
  [[nodiscard]] Fault settle(Flow& flow, const ServiceConfig& service,
                             const dataplane::Outcome& out, bool is_new) const;
  [[nodiscard]] Fault compare_with_peer(const Flow& flow, const test::FrameSpec& spec,
                                        const dataplane::Outcome& out);
  void forget(std::size_t index);
  void forget_removed(std::size_t worker);
  [[nodiscard]] std::string describe(const Flow& flow) const;

  Random random_;
  World world_;
  std::array<Worker, 2> workers_;
  std::vector<Flow> flows_;
  std::set<std::tuple<Address, Port>> clients_;
  double now_ = 1'000;
  std::string last_change_ = "none";
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace sluice::sim
