#include "bpf/kernel.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

namespace sluice::bpf {
namespace {

int print_warning(libbpf_print_level level, const char* format, va_list arguments) {
  return level == LIBBPF_WARN ? std::vfprintf(stderr, format, arguments) : 0;
}

}  // namespace

std::unexpected<Error> failure(const std::string& what, int error, std::string where,
                               std::string remedy) {
  return std::unexpected(Error{what + ": " + std::strerror(error < 0 ? -error : error),
                               std::move(where), std::move(remedy)});
}

void let_libbpf_warn(bool warn) { libbpf_set_print(warn ? print_warning : nullptr); }

std::uint64_t sum_over_cpus(int map, std::uint32_t index) {
  std::vector<std::uint64_t> values(
      static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1)));
  if (bpf_map_lookup_elem(map, &index, values.data()) != 0) return 0;
  return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}

}  // namespace sluice::bpf
