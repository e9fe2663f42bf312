#include "control/admin/http.h"
#include "tests/fuzz/target.h"

// Requests on the control socket: the same whole or cut into pieces. The first byte says how long
// the pieces are.

namespace sluice::control {
namespace {

struct Read {
  std::vector<Request> requests;
  std::optional<Refusal> refusal;
  friend bool operator==(const Read&, const Read&) = default;
};

Read read(std::span<const std::uint8_t> bytes, std::size_t piece) {
  Read out;
  RequestReader reader;
  while (!bytes.empty() && !reader.refusal()) {
    const auto part = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(part.size());
    reader.feed(part);
    while (auto request = reader.next()) out.requests.push_back(std::move(*request));
  }
  out.refusal = reader.refusal();
  return out;
}

void run(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  const std::size_t piece = bytes[0] + std::size_t{1};
  const auto rest = bytes.subspan(1);
  test::demand(read(rest, piece) == read(rest, rest.size()), "the cuts do not matter");
}

}  // namespace
}  // namespace sluice::control

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::control::run({data, size});
  return 0;
}
