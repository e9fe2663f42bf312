#include "control/config/file.h"
#include "tests/fuzz/target.h"

// The configuration file: any text is refused with errors that name a place, or read as a Config
// that has no error.

namespace {

void run(std::string_view text) {
  const auto file = sluice::control::parse_config(text, "fuzz.toml", {});
  if (file) {
    sluice::test::demand(validate(file->config).empty(), "what was read is valid");
    return;
  }
  sluice::test::demand(!file.error().empty(), "a refusal says why");
  for (const auto& error : file.error())
    sluice::test::demand(error.line >= 1 && error.column >= 1 && !error.what.empty(),
                         "an error names its place");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  run({reinterpret_cast<const char*>(data), size});
  return 0;
}
