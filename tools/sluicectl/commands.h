#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/sluicectl/client.h"
#include "tools/sluicectl/show.h"

// One function a command. Each prints and gives the exit status.

namespace sluice::ctl {

inline constexpr int exit_ok = 0;
inline constexpr int exit_refused = 1;      // the daemon said no, or is not well
inline constexpr int exit_unreachable = 2;  // wrong use, or no daemon

/// What every command works with.
struct Session {
  Client client;
  bool json = false;  // print the API's answer as it is
  ShowOptions show;
};

[[nodiscard]] int run_status(const Session& session);
[[nodiscard]] int run_services(const Session& session);
/// `service` empty: all.
[[nodiscard]] int run_backends(const Session& session, const std::string& service);
[[nodiscard]] int run_counters(const Session& session);

struct FlowsWanted {
  std::uint32_t limit = 1'000;
  std::string service;  // empty: any
  std::string backend;  // empty: any
};
[[nodiscard]] int run_flows(const Session& session, const FlowsWanted& wanted);

struct Journey {
  std::string protocol;
  std::string source;
  std::string destination;
  std::string quic_cid;  // hexadecimal; empty: none
};
[[nodiscard]] int run_explain(const Session& session, const Journey& journey);

/// `file`: "-" is standard input.
[[nodiscard]] int run_check(const Session& session, const std::string& file);
[[nodiscard]] int run_plan(const Session& session, const std::string& file);
[[nodiscard]] int run_apply(const Session& session, const std::string& file);

struct BackendArgument {
  std::string service;
  std::string backend;
};
/// `quiet`: prints only why it cannot.
[[nodiscard]] int drain_backend(const Session& session, const BackendArgument& backend, bool quiet);
[[nodiscard]] int run_enable(const Session& session, const BackendArgument& backend);
/// `weight`: 0 to 1000, or "reset".
[[nodiscard]] int run_weight(const Session& session, const BackendArgument& backend,
                             const std::string& weight);

/// Becomes sluice-replay with these arguments; returns only when that cannot be run. A program of
/// its own, so that this one has no packet path in it.
[[nodiscard]] int run_replay(const Session& session, std::vector<std::string> arguments);

/// Prints the completion script of a shell: bash, zsh or fish.
[[nodiscard]] int run_completion(const std::string& shell);
/// For those scripts: names of services, or of one service's backends. Silent without a daemon.
[[nodiscard]] int run_names(const Session& session, const std::string& service);

}  // namespace sluice::ctl
