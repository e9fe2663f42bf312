#include "core/capture/filter.h"
#include "core/capture/record.h"
#include "core/config/compile.h"
#include "core/contract/message.h"
#include "core/health/health_table.h"
#include "tests/core/sample_config.h"
#include "tests/fuzz/target.h"

// What comes over the socket between the two processes: any bytes are refused or decoded, and a
// Config that was decoded compiles or is refused, a capture's filter runs or is refused. The first
// byte says where the stream is cut.

namespace sluice {
namespace {

// Which slots there are costs time and says nothing here.
bool is_small(const Config& config) {
  for (const ServiceConfig& service : config.services)
    if (service.slots > 4'096 || service.backends.size() > 64) return false;
  return true;
}

void use(const MessageReader::Message& message) {
  switch (message.header.type) {
    case MessageType::config:
      if (const auto config = decode<Config>(message.body)) {
        if (!is_small(*config)) return;
        const auto snapshot = compile(*config, {}, test::paths_for(*config), nullptr);
        test::demand(snapshot.has_value() == validate(*config).empty(),
                     "what is valid compiles, and nothing else");
        test::demand(decode<Config>(encode(*config)) == *config, "encoding is decoding's inverse");
      }
      return;
    case MessageType::health:
      (void)decode<Health>(message.body);
      return;
    case MessageType::health_change:
      if (const auto change = decode<HealthChange>(message.body)) {
        HealthTable table;
        for (const Health::Entry& entry : change->entries) table.set(entry);
        test::demand(HealthTable(Health{change->entries}) == table,
                     "one after the other or all at once is the same");
      }
      return;
    case MessageType::paths:
      (void)decode<Paths>(message.body);
      return;
    case MessageType::report:
      (void)decode<Report>(message.body);
      return;
    case MessageType::capture:
      if (auto request = decode<CaptureRequest>(message.body))
        if (const auto filter = PacketFilter::make(std::move(request->program)))
          (void)filter->matches(message.body);
      return;
    case MessageType::stop_capture:
      (void)decode<StopCapture>(message.body);
      return;
    case MessageType::captured:
      (void)decode<CapturePiece>(message.body);
      return;
  }
}

void run(test::Input input) {
  MessageReader reader;
  const std::size_t piece = input.byte() + std::size_t{1};
  while (!input.is_empty() && !reader.broken()) {
    reader.feed(input.bytes(piece));
    while (const auto message = reader.next()) use(*message);
  }
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::run({data, size});
  return 0;
}
