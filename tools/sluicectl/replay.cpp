#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unistd.h>

#include "tools/sluicectl/session.h"

namespace sluice::ctl {
namespace {

constexpr const char* program = "sluice-replay";

// Beside this program, or wherever the shell would find it.
std::string find_program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto beside = self.parent_path() / program;
  return !error && ::access(beside.c_str(), X_OK) == 0 ? beside.string() : program;
}

}  // namespace

int run_replay(const Session& session, std::vector<std::string> arguments) {
  const std::string path = find_program();
  arguments.insert(arguments.begin(), path);
  if (session.json) arguments.emplace_back("--json");
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  ::execvp(path.c_str(), words.data());
  print_error({"cannot run sluice-replay: " + std::string(std::strerror(errno)), path,
               "install it beside sluicectl or in a directory of PATH"});
  return exit_unreachable;
}

}  // namespace sluice::ctl
