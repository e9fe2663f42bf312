#pragma once

#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <cstdint>
#include <vector>

#include "bpf/kernel.h"
#include "tests/bpf/packets.h"

namespace sluice::test {

struct Outcome {
  int error = 0;  // of the system call
  std::uint32_t result = 0;
  Bytes out;
};

/// One packet through a program in the kernel.
inline Outcome run(int program, const Bytes& frame, __sk_buff* context = nullptr) {
  Outcome outcome;
  outcome.out.resize(frame.size() + 256);
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = outcome.out.data(),
              .data_size_in = static_cast<std::uint32_t>(frame.size()),
              .data_size_out = static_cast<std::uint32_t>(outcome.out.size()), .ctx_in = context,
              .ctx_size_in = context == nullptr ? 0 : std::uint32_t{sizeof *context});
  outcome.error = bpf_prog_test_run_opts(program, &options);
  outcome.result = options.retval;
  outcome.out.resize(options.data_size_out);
  return outcome;
}

}  // namespace sluice::test
