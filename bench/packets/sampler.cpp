#include "bench/packets/sampler.h"

#include <atomic>
#include <csignal>
#include <dlfcn.h>
#include <map>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <utility>

namespace sluice::bench {
namespace {

// A signal handler has no other way to its data than through globals.
std::vector<std::uintptr_t> addresses;
std::atomic<std::size_t> address_count{0};

void note_address(int /*signal*/, siginfo_t* /*info*/, void* context) {
  const std::size_t place = address_count.load(std::memory_order_relaxed);
  if (place >= addresses.size()) return;
  addresses[place] = static_cast<std::uintptr_t>(
      static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
  address_count.store(place + 1, std::memory_order_relaxed);
}

}  // namespace

Sampler::Sampler(std::chrono::microseconds interval, std::size_t samples_max) {
  addresses.assign(samples_max, 0);
  address_count = 0;
  struct sigaction action{};
  action.sa_sigaction = note_address;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGPROF, &action, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGPROF;
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));  // glibc 2.36 has no other name
  if (timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) return;
  runs_ = true;
  itimerspec times{};
  times.it_interval.tv_nsec = std::chrono::nanoseconds(interval).count();
  times.it_value = times.it_interval;
  timer_settime(timer_, 0, &times, nullptr);
}

Sampler::~Sampler() { stop(); }

void Sampler::stop() {
  if (runs_) timer_delete(timer_);
  runs_ = false;
}

std::vector<Sampler::Place> Sampler::places() {
  stop();
  std::map<std::pair<std::string, std::uint64_t>, std::uint64_t> counts;
  for (std::size_t i = 0; i < address_count; ++i) {
    Dl_info info{};
    const bool is_known = dladdr(reinterpret_cast<void*>(addresses[i]), &info) != 0;
    // The program and the libraries are linked for address 0.
    const auto base = is_known ? reinterpret_cast<std::uintptr_t>(info.dli_fbase) : 0;
    ++counts[{is_known ? info.dli_fname : "?", addresses[i] - base}];
  }
  std::vector<Place> out;
  for (const auto& [place, samples] : counts)
    out.push_back({.file = place.first, .offset = place.second, .samples = samples});
  return out;
}

}  // namespace sluice::bench
