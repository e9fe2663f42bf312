#include "control/log.h"

#include <algorithm>
#include <cstdio>
#include <string>

namespace sluice::control {

void log_line(std::string_view text) {
  std::string line(text);
  std::ranges::replace_if(
      line, [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; }, '?');
  std::fprintf(stderr, "sluiced: %s\n", line.c_str());
}

}  // namespace sluice::control
