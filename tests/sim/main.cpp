#include <charconv>
#include <cstdio>
#include <cstring>
#include <random>

#include "tests/sim/simulator.h"

// simulator [--seed N] [--steps N]: runs until the steps are done (0) or something went wrong (1).
// The same seed does the same.

namespace {

constexpr std::uint64_t steps_default = 1'000'000;

bool parse_number(const char* text, std::uint64_t& out) {
  const char* const end = text + std::strlen(text);
  const auto [after, error] = std::from_chars(text, end, out);
  return error == std::errc{} && after == end;
}

int usage() {
  std::fputs("usage: simulator [--seed N] [--steps N]\n", stderr);
  return 2;
}

}  // namespace

int main(int count, char** arguments) {
  std::uint64_t seed = std::random_device{}();
  std::uint64_t steps = steps_default;
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = arguments[i];
    if ((name != "--seed" && name != "--steps") || i + 1 == count) return usage();
    if (!parse_number(arguments[i + 1], name == "--seed" ? seed : steps)) return usage();
  }
  std::printf("simulator: seed %llu, %llu steps\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(steps));
  std::fflush(stdout);  // a crash must not take the seed with it
  sluice::sim::Simulator simulator(seed);
  for (std::uint64_t step = 0; step < steps; ++step) {
    if (const auto fault = simulator.step()) {
      std::printf("step %llu: %s\n", static_cast<unsigned long long>(step), fault->c_str());
      return 1;
    }
  }
  std::printf("nothing wrong: %s\n", simulator.report().c_str());
  return 0;
}
