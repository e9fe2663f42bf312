#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/file.h>
#include <vector>

#include "control/config/file.h"
#include "control/daemon.h"
#include "control/log.h"
#include "control/netlink/interfaces.h"
#include "control/state/state.h"
#include "control/uring/socket.h"
#include "core/result.h"

namespace sluice::control {
namespace {

struct Arguments {
  std::string config = "/etc/sluice/sluice.toml";
  std::string run_dir = "/run/sluice";
  std::string state_dir = "/var/lib/sluice";
  std::string group = "sluice";
  bool check = false;
};

void print(const std::vector<FileError>& errors) {
  for (const FileError& error : errors) std::fprintf(stderr, "%s\n", error.text().c_str());
}

int fail(const Error& error) {
  log_line(error.text());
  return 1;
}

int check(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return fail(text.error());
  const auto file = parse_config(*text, path, missing_interfaces);
  if (!file) {
    print(file.error());
    return 1;
  }
  std::puts("ok");
  return 0;
}

std::expected<void, Error> make_directory(const std::string& path, std::string_view option,
                                          std::filesystem::perms permissions) {
  std::error_code error;
  if (std::filesystem::create_directories(path, error))
    std::filesystem::permissions(path, permissions, error);
  if (!error && std::filesystem::is_directory(path, error)) return {};
  return std::unexpected(
      Error{"cannot make the directory" + (error ? ": " + error.message() : std::string()), path,
            "run as root, or name another one by " + std::string(option)});
}

// Held until the process ends, however it ends.
std::expected<Descriptor, Error> lock_run_dir(const std::string& run_dir) {
  const std::string path = run_dir + "/sluiced.lock";
  Descriptor out(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!out)
    return std::unexpected(Error{std::string("cannot open the lock file: ") + std::strerror(errno),
                                 path, "the run directory must be writable"});
  if (flock(out.number(), LOCK_EX | LOCK_NB) != 0)
    return std::unexpected(Error{"another sluiced uses this run directory", run_dir,
                                 "stop it, or name another one by --run-dir"});
  return out;
}

int run(const Arguments& arguments) {
  std::signal(SIGPIPE, SIG_IGN);  // standard error may be a pipe whose reader has gone
  using enum std::filesystem::perms;
  constexpr auto for_group = owner_all | group_read | group_exec;
  constexpr auto for_all = for_group | others_read | others_exec;
  if (auto made = make_directory(arguments.run_dir, "--run-dir", for_all); !made)
    return fail(made.error());
  if (auto made = make_directory(arguments.state_dir, "--state-dir", for_group); !made)
    return fail(made.error());
  const auto lock = lock_run_dir(arguments.run_dir);
  if (!lock) return fail(lock.error());

  State state({.config_path = arguments.config,
               .state_dir = arguments.state_dir,
               .host_check = missing_interfaces});
  if (const auto loaded = state.load(); !loaded) {
    print(loaded.error());
    return 1;
  }
  if (!state.warning().empty()) log_line("warning: " + state.warning());
  auto daemon = Daemon::open(state, {.run_dir = arguments.run_dir, .group = arguments.group});
  if (!daemon) return fail(daemon.error());
  log_line("version " SLUICE_VERSION " runs, control socket " + arguments.run_dir +
           "/control.sock");
  if (const auto done = (*daemon)->run(); !done) return fail(done.error());
  return 0;
}

}  // namespace
}  // namespace sluice::control

int main(int argc, char** argv) {
  CLI::App app("sluiced: the control plane of Sluice");
  app.set_version_flag("--version", std::string("sluiced ") + SLUICE_VERSION);
  sluice::control::Arguments arguments;
  app.add_option("--config", arguments.config, "the configuration file")->capture_default_str();
  app.add_option("--run-dir", arguments.run_dir,
                 "directory of the sockets, shared with sluice-dataplane")
      ->capture_default_str()
      ->envname("SLUICE_RUN_DIR");
  app.add_option("--state-dir", arguments.state_dir,
                 "directory of the last good configuration and of overrides")
      ->capture_default_str();
  app.add_option("--group", arguments.group, "group that may use the control socket")
      ->capture_default_str();
  app.add_flag("--check", arguments.check, "only check the configuration file");
  CLI11_PARSE(app, argc, argv);
  return arguments.check ? sluice::control::check(arguments.config)
                         : sluice::control::run(arguments);
}
