#include "dataplane/feed/feed.h"

#include <cstdio>
#include <unistd.h>

#include "core/config/compile.h"

namespace sluice::dataplane {
namespace {

std::string text_of(const std::vector<ConfigError>& errors) {
  std::string out;
  for (const ConfigError& error : errors)
    out += (out.empty() ? "" : "; ") + error.path + ": " + error.what;
  return out;
}

// After a reconnect we are told again what we have: the same object stays, for compile then knows
// that nothing follows from it.
template <typename T>
std::shared_ptr<const T> kept_or_new(const std::shared_ptr<const T>& have, T told) {
  return told == *have ? have : std::make_shared<const T>(std::move(told));
}

}  // namespace

Feed::Feed(std::string run_dir) : run_dir_(std::move(run_dir)) {
  report_.pid = static_cast<std::uint32_t>(getpid());
  report_.version = SLUICE_VERSION;
}

Feed::~Feed() = default;

bool Feed::take(const MessageReader::Message& message) {
  switch (message.header.type) {
    case MessageType::config: {
      auto config = decode<Config>(message.body);
      if (!config) return false;
      pending_ =
          Pending{kept_or_new(inputs_.config, std::move(*config)), message.header.generation};
      break;
    }
    case MessageType::health: {
      auto health = decode<Health>(message.body);
      if (!health) return false;
      inputs_.health = HealthTable(*health);
      health_generation_ = message.header.generation;
      break;
    }
    case MessageType::health_change:
      if (!take_health_change(message)) return false;
      break;
    case MessageType::paths: {
      auto paths = decode<Paths>(message.body);
      if (!paths) return false;
      inputs_.paths = kept_or_new(inputs_.paths, std::move(*paths));
      paths_generation_ = message.header.generation;
      break;
    }
    case MessageType::capture:
      return start_capture(message);
    case MessageType::stop_capture:
      if (message.header.generation == capture_number_) stop_capture();
      return true;
    case MessageType::report:
    case MessageType::captured:
      return false;
  }
  dirty_ = true;
  return true;
}

// One that does not follow on what we have would leave other backends as nobody said they are: the
// control plane connects again then and says everything.
bool Feed::take_health_change(const MessageReader::Message& message) {
  const auto change = decode<HealthChange>(message.body);
  if (!change || change->since != health_generation_) return false;
  for (const Health::Entry& entry : change->entries) inputs_.health.set(entry);
  health_generation_ = message.header.generation;
  return true;
}

void Feed::settle() {
  while (dirty_ && !failed_) settle_once();
}

void Feed::settle_once() {
  dirty_ = false;
  const std::uint64_t generation = pending_ ? pending_->generation : report_.config_generation;
  if (generation == 0) return;  // health and paths alone are of no use yet
  const Snapshot* previous = engine_ ? engine_->published() : nullptr;
  SnapshotInputs inputs = inputs_;
  if (pending_) inputs.config = pending_->config;
  const Config& wanted = *inputs.config;
  auto snapshot = compile(inputs, previous);
  if (!snapshot) {
    refuse(generation, text_of(snapshot.error()));
    return;
  }
  if (engine_ && needs_restart(wanted)) {
    refuse(generation,
           "[dataplane] and [[port]] cannot change while sluice-dataplane runs: restart it");
    return;
  }
  if (!engine_ && !start_engine(wanted)) return;
  if (auto published = engine_->publish(std::move(*snapshot), generation); !published)
    report_.error = published.error().text();
  else if (report_.rejected_generation == 0)
    report_.error.clear();
  if (pending_) {
    inputs_.config = std::move(pending_->config);
    pending_.reset();
    report_.rejected_generation = 0;
    report_.error.clear();
  }
  report_.config_generation = generation;
  report_.health_generation = health_generation_;
  report_.paths_generation = paths_generation_;
  report_.forwarding = true;
}

bool Feed::start_capture(const MessageReader::Message& message) {
  auto request = decode<CaptureRequest>(message.body);
  if (!request || message.header.generation == 0) return false;
  stop_capture();
  capture_number_ = message.header.generation;
  if (!engine_)
    capture_refusal_ = "the data plane does not forward yet";
  else if (auto started = engine_->start_capture(std::move(*request)); !started)
    capture_refusal_ = started.error().text();
  return true;
}

std::vector<std::uint8_t> Feed::captured() {
  CapturePiece piece{.ended = true, .failed = true, .reason = capture_refusal_};
  if (CaptureSession* capture = engine_ ? engine_->capture() : nullptr)
    piece = capture->take(CaptureSession::Clock::now());
  const std::uint64_t number = capture_number_;
  if (piece.ended)
    stop_capture();
  else if (piece.records.empty())
    return {};
  return make_message(MessageType::captured, number, piece);
}

void Feed::stop_capture() {
  if (engine_) engine_->stop_capture();
  capture_number_ = 0;
  capture_refusal_.clear();
}

bool Feed::needs_restart(const Config& config) const {
  const bool same_ports = config.ports == inputs_.config->ports;
  return !same_ports || config.dataplane != inputs_.config->dataplane;
}

void Feed::refuse(std::uint64_t generation, std::string why) {
  // What else came with a refused Config is still to be published.
  dirty_ = pending_.has_value() && engine_ != nullptr;
  pending_.reset();
  report_.rejected_generation = generation;
  report_.error = std::move(why);
}

bool Feed::start_engine(const Config& config) {
  auto engine = Engine::start(config, run_dir_);
  if (!engine) {
    failed_ = true;
    report_.error = engine.error().text();
    report_.rejected_generation = pending_ ? pending_->generation : 0;
    return false;
  }
  engine_ = std::move(*engine);
  report_.notes = engine_->notes();
  return true;
}

}  // namespace sluice::dataplane
