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
      pending_ = Pending{std::move(*config), message.header.generation};
      break;
    }
    case MessageType::health: {
      auto health = decode<Health>(message.body);
      if (!health) return false;
      health_ = std::move(*health);
      health_generation_ = message.header.generation;
      break;
    }
    case MessageType::paths: {
      auto paths = decode<Paths>(message.body);
      if (!paths) return false;
      paths_ = std::move(*paths);
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

void Feed::settle() {
  while (dirty_ && !failed_) settle_once();
}

void Feed::settle_once() {
  dirty_ = false;
  const std::uint64_t generation = pending_ ? pending_->generation : report_.config_generation;
  const Config& wanted = pending_ ? pending_->config : config_;
  if (generation == 0) return;  // health and paths alone are of no use yet
  const Snapshot* previous = engine_ ? engine_->published() : nullptr;
  auto snapshot = compile(wanted, health_, paths_, previous);
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
    config_ = std::move(pending_->config);
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
  const bool same_ports = config.ports == config_.ports;
  return !same_ports || config.dataplane != config_.dataplane;
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
