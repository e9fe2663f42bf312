#pragma once

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <sched.h>
#include <string>
#include <unistd.h>

// Two network namespaces on one wire, for tests with real packets.

namespace sluice::test {

inline bool shell(const std::string& command) { return std::system(command.c_str()) == 0; }

inline std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string out;
  char part[4096];
  while (pipe != nullptr && std::fgets(part, sizeof part, pipe.get()) != nullptr) out += part;
  return out;
}

/// A network namespace whose name carries this process's number; gone with the object.
class Namespace {
 public:
  explicit Namespace(const std::string& role)
      : name_("sluice-" + role + "-" + std::to_string(getpid())) {
    made_ = shell("ip netns add " + name_);
  }
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;
  ~Namespace() {
    if (made_) shell("ip netns del " + name_);
  }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool is_made() const { return made_; }
  /// A command line that runs in the namespace.
  [[nodiscard]] std::string in(const std::string& command) const {
    return "ip netns exec " + name_ + " " + command;
  }
  [[nodiscard]] bool run(const std::string& command) const { return shell(in(command)); }

 private:
  std::string name_;
  bool made_ = false;
};

/// This thread is in the namespace as long as the object lives; sockets opened meanwhile stay
/// there.
class Inside {
 public:
  explicit Inside(const Namespace& inside)
      : home_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    const int there = open(("/run/netns/" + inside.name()).c_str(), O_RDONLY | O_CLOEXEC);
    is_there_ = there >= 0 && setns(there, CLONE_NEWNET) == 0;
    if (there >= 0) close(there);
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() {
    // A test must not go on in a namespace that is about to vanish.
    if (is_there_ && setns(home_, CLONE_NEWNET) != 0) std::abort();
    close(home_);
  }
  [[nodiscard]] bool is_there() const { return is_there_; }

 private:
  int home_;
  bool is_there_ = false;
};

}  // namespace sluice::test
